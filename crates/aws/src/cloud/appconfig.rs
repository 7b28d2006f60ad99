//! AWS AppConfig: the versions of a configuration, and their deployments.

use serde_json::{Value, json};

use super::reads::{self, Question, at, items, segment, text};
use super::{CallError, Session};

/// Name of the strategy of a push: every target at once, and complete right away. The predefined `AppConfig.AllAtOnce`
/// bakes for ten minutes, in which AppConfig takes no other deployment and an alarm takes the push back.
/// Source: AWS AppConfig User Guide, "Using predefined deployment strategies".
const AT_ONCE: &str = "tenantry-at-once";

/// Longest description of a version or deployment. Source: AWS AppConfig API Reference, StartDeployment.
const LONGEST_DESCRIPTION: usize = 1024;

/// The ids of an application's one environment and profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    pub application: String,
    pub environment: String,
    pub profile: String,
}

/// A deployment of a version of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub number: i32,
    /// Number of the hosted version, as text.
    pub version: String,
    /// As AppConfig names it, such as `COMPLETE`.
    pub state: String,
}

impl Ids {
    fn of_environment(&self, rest: &str) -> String {
        let (application, environment) = (segment(&self.application), segment(&self.environment));
        format!("/applications/{application}/environments/{environment}{rest}")
    }

    fn of_versions(&self, rest: &str) -> String {
        let (application, profile) = (segment(&self.application), segment(&self.profile));
        format!("/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions{rest}")
    }
}

impl Deployment {
    /// Whether targets have its version: all of them, or some while it is under way.
    pub fn is_in_force(&self) -> bool {
        matches!(self.state.as_str(), "COMPLETE" | "BAKING" | "DEPLOYING")
    }

    /// Whether it reaches more targets yet, or may still be taken back by an alarm.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state.as_str(), "DEPLOYING" | "VALIDATING" | "BAKING" | "ROLLING_BACK")
    }
}

/// Every deployment of the profile, newest first.
pub async fn deployments(session: &Session, ids: &Ids) -> Result<Vec<Deployment>, CallError> {
    let subject = &ids.environment;
    let question = Question::get("appconfig", "ListDeployments", subject, ids.of_environment("/deployments"));
    let question = question.pages("NextToken", "next_token");
    let mut found = Vec::new();
    for one in items(&reads::ask(session, &question).await?, "Items") {
        // An endpoint that does not tell the profile has one profile in the environment.
        if text(&one, "ConfigurationProfileId").is_some_and(|profile| profile != ids.profile) {
            continue;
        }
        found.push(deployment_of(session, question.operation, subject, &one)?);
    }
    found.sort_by_key(|deployment| std::cmp::Reverse(deployment.number));
    Ok(found)
}

fn deployment_of(
    session: &Session,
    operation: &'static str,
    subject: &str,
    deployment: &Value,
) -> Result<Deployment, CallError> {
    let number = at(deployment, "DeploymentNumber").and_then(|number| i32::try_from(number.as_i64()?).ok());
    Ok(Deployment {
        number: session.need(number, operation, subject, "DeploymentNumber")?,
        version: session.need(text(deployment, "ConfigurationVersion"), operation, subject, "ConfigurationVersion")?,
        state: session.need(text(deployment, "State"), operation, subject, "State")?,
    })
}

/// The document of a hosted version.
pub async fn document(session: &Session, ids: &Ids, version: &str) -> Result<Value, CallError> {
    const OPERATION: &str = "GetHostedConfigurationVersion";
    let subject = format!("version {version} of profile {}", ids.profile);
    let number: Option<i32> = version.parse().ok();
    let number = session.need(number, OPERATION, &subject, "VersionNumber")?;
    let path = ids.of_versions(&format!("/{number}"));
    let question = Question::get("appconfig", "GetHostedConfigurationVersion", &subject, path);
    // The answer is the document itself.
    Ok(reads::answer(session, &question).await?.body)
}

/// An alarm that takes a deployment of the environment back, and the role with which AppConfig reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    pub alarm: String,
    pub role: Option<String>,
}

/// The alarms of the environment.
pub async fn monitors(session: &Session, ids: &Ids) -> Result<Vec<Monitor>, CallError> {
    let question = Question::get("appconfig", "GetEnvironment", &ids.environment, ids.of_environment(""));
    let monitors = items(&reads::ask(session, &question).await?, "Monitors").into_iter();
    let of = |one: Value| Some(Monitor { alarm: text(&one, "AlarmArn")?, role: text(&one, "AlarmRoleArn") });
    Ok(monitors.filter_map(of).collect())
}

/// Sets the alarms of the environment.
pub async fn set_monitors(session: &Session, ids: &Ids, monitors: &[Monitor]) -> Result<(), CallError> {
    let monitor = |one: &Monitor| match &one.role {
        Some(role) => json!({ "AlarmArn": one.alarm, "AlarmRoleArn": role }),
        None => json!({ "AlarmArn": one.alarm }),
    };
    let body = json!({ "Monitors": monitors.iter().map(monitor).collect::<Vec<_>>() });
    let path = ids.of_environment("");
    let question = Question::send("appconfig", "UpdateEnvironment", &ids.environment, ("PATCH", path), Some(body));
    reads::answer(session, &question).await.map(drop)
}

/// Id of the strategy of a push; the first push of an account and region makes it. A region takes 20 strategies of an
/// account. Source: AWS AppConfig API Reference, CreateDeploymentStrategy.
pub async fn at_once(session: &Session) -> Result<String, CallError> {
    let path = "/deploymentstrategies".to_owned();
    let question = Question::get("appconfig", "ListDeploymentStrategies", AT_ONCE, path.clone());
    let question = question.pages("NextToken", "next_token");
    let found = items(&reads::ask(session, &question).await?, "Items");
    let found = found.iter().find(|one| text(one, "Name").as_deref() == Some(AT_ONCE));
    if let Some(id) = found.and_then(|one| text(one, "Id")) {
        return Ok(id);
    }
    let body = json!({
        "Name": AT_ONCE,
        "GrowthFactor": 100.0,
        "DeploymentDurationInMinutes": 0,
        "FinalBakeTimeInMinutes": 0,
        "ReplicateTo": "NONE",
    });
    let question = Question::send("appconfig", "CreateDeploymentStrategy", AT_ONCE, ("POST", path), Some(body));
    let made = reads::answer(session, &question).await?.body;
    session.need(text(&made, "Id"), question.operation, AT_ONCE, "Id")
}

/// Makes a version of the profile; its number.
pub async fn create_version(
    session: &Session,
    ids: &Ids,
    content: &Value,
    description: &str,
) -> Result<i32, CallError> {
    let sent = ("POST", ids.of_versions(""));
    let question =
        Question::send("appconfig", "CreateHostedConfigurationVersion", &ids.profile, sent, Some(content.clone()))
            .header("content-type", "application/json")
            .header("description", shortened(description));
    let answer = reads::answer(session, &question).await?;
    let number = answer.header("version-number").and_then(|number| number.parse().ok());
    session.need(number, question.operation, &ids.profile, "Version-Number")
}

/// Starts to deploy a version, after deployment `latest` and refused if somebody started another since; what it is
/// right after.
pub async fn start(
    session: &Session,
    ids: &Ids,
    version: i32,
    latest: i32,
    strategy: &str,
    description: &str,
) -> Result<Deployment, CallError> {
    let subject = &ids.environment;
    let body = json!({
        "ConfigurationProfileId": ids.profile,
        "ConfigurationVersion": version.to_string(),
        "DeploymentStrategyId": strategy,
        "LatestDeploymentNumber": latest,
        "Description": shortened(description),
    });
    let sent = ("POST", ids.of_environment("/deployments"));
    let question = Question::send("appconfig", "StartDeployment", subject, sent, Some(body));
    let answer = reads::answer(session, &question).await?.body;
    deployment_of(session, question.operation, subject, &answer)
}

/// A deployment as it is now.
pub async fn deployment(session: &Session, ids: &Ids, number: i32) -> Result<Deployment, CallError> {
    let subject = &ids.environment;
    let path = ids.of_environment(&format!("/deployments/{number}"));
    let question = Question::get("appconfig", "GetDeployment", subject, path);
    let answer = reads::answer(session, &question).await?.body;
    deployment_of(session, question.operation, subject, &answer)
}

/// Removes a version that nothing deploys.
pub async fn delete_version(session: &Session, ids: &Ids, version: i32) -> Result<(), CallError> {
    let sent = ("DELETE", ids.of_versions(&format!("/{version}")));
    let question = Question::send("appconfig", "DeleteHostedConfigurationVersion", &ids.profile, sent, None);
    reads::answer(session, &question).await.map(drop)
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_DESCRIPTION).collect()
}

/// A deployment is under way in the environment, or somebody else was first.
pub fn is_conflict(error: &CallError) -> bool {
    error.code() == Some("ConflictException")
}

/// What was asked for is not there.
pub fn is_absent(error: &CallError) -> bool {
    error.code() == Some("ResourceNotFoundException")
}
