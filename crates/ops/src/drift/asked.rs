//! What is asked of the services themselves about one stack's resources.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::expected::{Expected, UNKNOWN, is_unknown};
use super::live::{Reading, Shared, StackView};
use super::snapshot::{reading, said};
use super::{differ, neighbours, network, paths};
use tenantry_aws::cloud::appconfig::{self, Deployment, Ids};
use tenantry_aws::cloud::drift_detection::DriftStatus;
use tenantry_aws::cloud::reads::{self, Question, Way, at};
use tenantry_aws::cloud::{Session, cloudcontrol, functions, settings};

type Description = Reading<Option<Map<String, Value>>>;
pub(super) type Descriptions = BTreeMap<String, Vec<Description>>;

/// The types that [`by_own_apis`] asks about.
#[cfg(test)]
pub(super) const OWN: [&str; 8] = [
    "AWS::AppConfig::Deployment",
    "AWS::AppConfig::HostedConfigurationVersion",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::S3::Bucket",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
];

/// What is cheaper or surer to ask the service than CloudFormation.
pub(super) async fn by_own_apis(
    session: &Session,
    role: Option<&str>,
    expected: &BTreeMap<String, Expected>,
) -> Descriptions {
    let mut descriptions = Descriptions::new();
    for (id, expected) in expected {
        let Some(physical) = expected.physical_id.as_deref() else { continue };
        let description = match expected.resource_type.as_str() {
            "AWS::S3::Bucket" => reading(settings::bucket(session, physical).await),
            "AWS::SQS::Queue" => reading(settings::queue(session, physical).await),
            "AWS::Lambda::Function" => concurrency(session, physical).await,
            "AWS::KMS::Key" => cloud_control(session, role, &expected.resource_type, physical).await,
            "AWS::AppConfig::HostedConfigurationVersion" => hosted(session, expected).await,
            "AWS::AppConfig::Deployment" => deployed(session, expected).await,
            "AWS::SNS::TopicPolicy" => topic_policy(session, expected).await,
            _ => continue,
        };
        descriptions.entry(id.clone()).or_default().push(description);
    }
    for (id, policy) in expected.iter().filter(|(_, e)| e.resource_type == "AWS::SQS::QueuePolicy") {
        descriptions.insert(id.clone(), policies(policy, expected, &descriptions));
    }
    descriptions
}

/// A queue policy against the policy of each of its queues.
fn policies(policy: &Expected, expected: &BTreeMap<String, Expected>, descriptions: &Descriptions) -> Vec<Description> {
    let urls = policy.properties.get("Queues").and_then(Value::as_array).into_iter().flatten();
    let queues = urls.filter_map(|url| {
        let (id, _) = expected.iter().find(|(_, queue)| queue.physical_id.as_deref() == url.as_str())?;
        descriptions.get(id)?.first()
    });
    let of = |description: &Description| match description {
        Err(why) => Err(why.clone()),
        // A queue that is gone is reported as itself.
        Ok(None) => Ok(Some(Map::new())),
        Ok(Some(live)) => Ok(match live.get("Policy") {
            Some(document) if !document.is_null() => {
                Some([("PolicyDocument".to_owned(), document.clone())].into_iter().collect())
            }
            _ => None,
        }),
    };
    queues.map(of).collect()
}

async fn concurrency(session: &Session, name: &str) -> Description {
    match functions::reserved_concurrency(session, name).await {
        Err(error) if functions::function_does_not_exist(&error) => Ok(None),
        answer => reading(answer)
            .map(|reserved| Some([("ReservedConcurrentExecutions".to_owned(), json!(reserved))].into_iter().collect())),
    }
}

async fn cloud_control(session: &Session, role: Option<&str>, resource_type: &str, id: &str) -> Description {
    let live = reading(cloudcontrol::properties(session, role, resource_type, id).await)?;
    Ok(live.map(|live| match live {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }))
}

/// The policy of the topics that a topic policy names; of several that differ, one that differs. Cloud Control does not
/// read the type.
async fn topic_policy(session: &Session, expected: &Expected) -> Description {
    let wanted = expected.properties.get("PolicyDocument");
    let topics = expected.properties.get("Topics").and_then(Value::as_array).into_iter().flatten();
    let mut reported = Err("its topics are not known".to_owned());
    for topic in topics.filter_map(Value::as_str).filter(|topic| !topic.contains(UNKNOWN)) {
        let question = Question {
            service: "sns",
            operation: "GetTopicAttributes",
            subject: topic.to_owned(),
            way: Way::Query {
                version: "2010-03-31".to_owned(),
                parameters: vec![("TopicArn".to_owned(), topic.to_owned())],
            },
            next: Vec::new(),
        };
        let pages = match reads::ask(session, &question).await {
            // A topic that is gone is reported as itself.
            Err(error) if matches!(error.code(), Some("NotFound" | "NotFoundException")) => {
                reported = Ok(Some(Map::new()));
                continue;
            }
            Err(error) => return Err(said(&error)),
            Ok(pages) => pages,
        };
        let entries = pages.first().and_then(|page| at(page, "Attributes.entry")).map(std::borrow::Cow::into_owned);
        let entries = match entries {
            Some(Value::Array(entries)) => entries,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let policy = entries.iter().find(|entry| entry.get("key").is_some_and(|key| key == "Policy"));
        let policy = policy.and_then(|entry| entry.get("value")?.as_str());
        let policy = policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let differs = wanted.is_some_and(|wanted| !differ::same(wanted, &policy));
        reported = Ok(Some([("PolicyDocument".to_owned(), policy)].into_iter().collect()));
        if differs {
            break;
        }
    }
    reported
}

/// The ids of AppConfig that a resource names.
fn ids(expected: &Expected) -> Option<Ids> {
    let id = |key: &str| {
        let value = expected.properties.get(key)?;
        (!is_unknown(value)).then(|| paths::shown(value).rsplit('|').next().unwrap_or_default().to_owned())
    };
    Some(Ids {
        application: id("ApplicationId")?,
        environment: id("EnvironmentId").unwrap_or_default(),
        profile: id("ConfigurationProfileId")?,
    })
}

/// The content of the version that the stack made.
async fn hosted(session: &Session, expected: &Expected) -> Description {
    let version = expected.physical_id.as_deref().and_then(|id| id.rsplit('|').next()).unwrap_or_default();
    let Some(ids) = ids(expected) else { return Err("its application is not known".to_owned()) };
    match appconfig::document(session, &ids, version).await {
        Err(error) if appconfig::is_absent(&error) => Ok(None),
        answer => reading(answer).map(|document| {
            let wanted = expected.properties.get("Content").and_then(Value::as_str);
            let document = without_stamps(document);
            let same =
                wanted.and_then(|text| serde_json::from_str(text).ok()).map(without_stamps).as_ref() == Some(&document);
            // The same document in other words is the same.
            let content = match wanted {
                Some(wanted) if same => json!(wanted),
                _ => json!(document.to_string()),
            };
            Some([("Content".to_owned(), content)].into_iter().collect())
        }),
    }
}

/// A document without the times that AppConfig writes into it.
fn without_stamps(document: Value) -> Value {
    match document {
        Value::Object(map) => {
            let own = map.into_iter().filter(|(key, _)| !matches!(key.as_str(), "_createdAt" | "_updatedAt"));
            own.map(|(key, value)| (key, without_stamps(value))).collect()
        }
        other => other,
    }
}

/// The version that is in force; that of the stack where another one has the same document, as after a push that was taken back.
async fn deployed(session: &Session, expected: &Expected) -> Description {
    let Some(ids) = ids(expected) else { return Err("its application is not known".to_owned()) };
    let deployments = match appconfig::deployments(session, &ids).await {
        Err(error) if appconfig::is_absent(&error) => return Ok(None),
        answer => reading(answer)?,
    };
    let Some(deployment) = deployments.into_iter().find(Deployment::is_in_force) else { return Ok(None) };
    let mut version = json!(deployment.version);
    let wanted = expected.properties.get("ConfigurationVersion").filter(|wanted| !is_unknown(wanted));
    if let Some(wanted) = wanted.filter(|wanted| paths::shown(wanted) != deployment.version) {
        let number = paths::shown(wanted);
        let (ours, theirs) = futures::join!(
            appconfig::document(session, &ids, &number),
            appconfig::document(session, &ids, &deployment.version)
        );
        if let (Ok(ours), Ok(theirs)) = (ours, theirs)
            && without_stamps(ours) == without_stamps(theirs)
        {
            version = wanted.clone();
        }
    }
    Ok(Some([("ConfigurationVersion".to_owned(), version)].into_iter().collect()))
}

/// What nobody else could tell is asked of Cloud Control.
pub(super) async fn by_cloud_control(
    session: &Session,
    role: Option<&str>,
    all: &BTreeMap<String, Expected>,
    shared: &Shared,
    view: &mut StackView,
) {
    for (id, expected) in all {
        let kind = expected.resource_type.as_str();
        let Some(physical) = expected.physical_id.as_deref() else { continue };
        let by_network = network::TYPES.contains(&kind) && shared.groups.is_ok();
        let by_batch = match kind {
            "AWS::CloudWatch::Alarm" => shared.alarms.is_ok(),
            "AWS::Lambda::Function" => shared.functions.is_ok(),
            "AWS::Lambda::EventSourceMapping" => shared.mappings.is_ok(),
            "AWS::IAM::Role" => shared.roles.is_ok(),
            "AWS::EC2::VPC" => shared.vpcs.is_ok(),
            // Reported by the list of its zone; Cloud Control does not read the type.
            "AWS::Route53::RecordSet" => true,
            neighbours::FILTER => neighbours::group_of(all, expected)
                .and_then(|group| neighbours::found(&view.beside, neighbours::FILTER, group))
                .is_some_and(|reported| reported.is_ok()),
            _ => false,
        };
        let by_itself = view.described.get(id).is_some_and(|descriptions| descriptions.iter().any(Result::is_ok));
        let by_detection = view.drifts.as_ref().is_ok_and(|drifts| {
            drifts.get(id).is_some_and(|d| !matches!(d.status, DriftStatus::NotChecked | DriftStatus::Unknown))
        });
        if !(by_network || by_batch || by_itself || by_detection) {
            match cloud_control(session, role, kind, physical).await {
                Ok(description) => view.described.entry(id.clone()).or_default().push(Ok(description)),
                Err(why) => drop(view.undescribed.insert(id.clone(), why)),
            }
        }
    }
}
