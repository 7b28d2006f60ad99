//! AWS, as far as a drift check asks it, at the rates that AWS documents: a fleet without drift in many accounts.
//!
//! Every account, region and family of operations has its token bucket; a call too many is refused as AWS refuses it.
//! Where AWS documents no rate, the bucket is a tenth larger than ours. The stacks have the resources of the default blueprint
//! about which a service is asked, one by one or in lists, and as many others, so that pages and calls are the real number;
//! EC2's lists are empty but for the VPCs, since a place with a few tenants has one page of each. A drift detection takes
//! [`DETECTION`].

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tenantry::cloud::rates::Rate;
use tenantry::cloud::{Access, Family, Place};
use tenantry::deploy::Desired;
use tenantry::render;
use tokio::net::TcpListener;

/// What an answer takes at least.
const LATENCY: Duration = Duration::from_millis(20);
/// Accounts over which the fleet is spread evenly, each with all regions.
pub(crate) const ACCOUNTS: usize = 10;
pub(crate) const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-1"];
/// What a drift detection takes: AWS documents nothing.
const DETECTION: Duration = Duration::from_secs(10);
/// Resources of a tenant's stack, as `tests/templates/expected/acme.yaml` has them.
const RESOURCES: usize = 162;
/// Other resources about which drift detection is asked: 55 in all, without the 88 of EC2, 19 alarms and 5 filters, but
/// for the VPC, which detection reads.
const DETECTED: usize = 51 - KINDS.len() + 5;

/// Account, region and family.
type Bucket = (String, String, Family);

pub(crate) struct Simulation {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    stacks: HashMap<(String, String), BTreeMap<String, Desired>>,
    buckets: Mutex<HashMap<Bucket, (DefaultDirectRateLimiter, usize)>>,
    throttled: Mutex<BTreeMap<String, usize>>,
    detections: Mutex<HashMap<String, tokio::time::Instant>>,
}

/// The fleet that the simulation has.
///
/// Of `accounts` of the [`ACCOUNTS`] only: they share no rate and are asked at the same time, so each takes as long as all.
pub(crate) fn fleet(tenants: usize, accounts: usize) -> Vec<Desired> {
    let account = |number: usize| number % (ACCOUNTS * REGIONS.len()) / REGIONS.len();
    (0..tenants).filter(|number| account(*number) < accounts).map(tenant).collect()
}

fn tenant(number: usize) -> Desired {
    let at = number % (ACCOUNTS * REGIONS.len());
    let account = format!("{:012}", 100_000_000_000 + at / REGIONS.len());
    let place: Place =
        serde_json::from_value(json!({ "account": account, "region": REGIONS[at % REGIONS.len()] })).expect("a place");
    let resource = |kind: &str| json!({ "Type": kind, "Properties": {} });
    let app = json!({ "ApplicationId": "app", "EnvironmentId": "env", "ConfigurationProfileId": "profile" });
    let mut resources = serde_json::Map::new();
    for (id, kind) in KINDS {
        resources.insert(id.to_owned(), resource(kind));
    }
    let refer = |id: &str| json!({ "Ref": id });
    resources["QueuePolicy"]["Properties"]["Queues"] = json!(["Queue1", "Queue2", "Queue3"].map(refer));
    resources["TopicPolicy"]["Properties"] = json!({ "Topics": [refer("Topic")], "PolicyDocument": {} });
    resources["Vpc"]["Properties"]["CidrBlock"] = json!("10.0.0.0/16");
    resources["Service"]["Properties"]["Cluster"] = refer("Cluster");
    resources["Record"]["Properties"] =
        json!({ "Name": format!("t{number:05}.example.com"), "Type": "CNAME", "HostedZoneId": "Z1" });
    for number in 1..=5 {
        let filter = json!({ "LogGroupName": refer(&format!("Group{number}")), "FilterName": "central",
            "DestinationArn": "arn:central" });
        resources[&format!("Filter{number}")]["Properties"] = filter;
    }
    for id in ["FlagVersion", "FlagDeployment"] {
        resources[id]["Properties"] = app.clone();
    }
    for number in 0..DETECTED {
        resources.insert(format!("Thing{number}"), resource("AWS::SSM::Parameter"));
    }
    let tree = json!({ "Resources": resources });
    let digest = render::digest_of(&tree);
    Desired {
        tenant: format!("t{number:05}"),
        ring: None,
        place,
        access: Access { role: Some("tenantry".to_owned()), external_id: None },
        stack: format!("org-t{number:05}"),
        body: tree.to_string(),
        digest,
        release: "v1".to_owned(),
        tags: Desired::identity("org", "test-estate", &format!("t{number:05}")),
        artifacts: None,
        uploads: Vec::new(),
        rollback_triggers: Vec::new(),
        offboarded: false,
        control_plane: 0,
    }
}

/// The resources that the services are asked about.
const KINDS: [(&str, &str); 31] = [
    ("Bucket", "AWS::S3::Bucket"),
    ("Queue1", "AWS::SQS::Queue"),
    ("Queue2", "AWS::SQS::Queue"),
    ("Queue3", "AWS::SQS::Queue"),
    ("QueuePolicy", "AWS::SQS::QueuePolicy"),
    ("Splitter", "AWS::Lambda::Function"),
    ("Ingest", "AWS::Lambda::Function"),
    ("Key", "AWS::KMS::Key"),
    ("FlagVersion", "AWS::AppConfig::HostedConfigurationVersion"),
    ("FlagDeployment", "AWS::AppConfig::Deployment"),
    ("Group1", "AWS::Logs::LogGroup"),
    ("Group2", "AWS::Logs::LogGroup"),
    ("Group3", "AWS::Logs::LogGroup"),
    ("Group4", "AWS::Logs::LogGroup"),
    ("Group5", "AWS::Logs::LogGroup"),
    ("Filter1", "AWS::Logs::SubscriptionFilter"),
    ("Filter2", "AWS::Logs::SubscriptionFilter"),
    ("Filter3", "AWS::Logs::SubscriptionFilter"),
    ("Filter4", "AWS::Logs::SubscriptionFilter"),
    ("Filter5", "AWS::Logs::SubscriptionFilter"),
    ("Topic", "AWS::SNS::Topic"),
    ("TopicPolicy", "AWS::SNS::TopicPolicy"),
    ("Balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    ("Listener", "AWS::ElasticLoadBalancingV2::Listener"),
    ("Targets", "AWS::ElasticLoadBalancingV2::TargetGroup"),
    ("Cluster", "AWS::ECS::Cluster"),
    ("Service", "AWS::ECS::Service"),
    ("Search", "AWS::OpenSearchService::Domain"),
    ("Vpc", "AWS::EC2::VPC"),
    ("Record", "AWS::Route53::RecordSet"),
    ("Parameter", "AWS::SSM::Parameter"),
];

/// Of these, those that detection cannot read, as the registry's schemas say.
const UNREAD: [&str; 2] = ["Record", "TopicPolicy"];

fn physical(stack: &str, id: &str) -> String {
    match id {
        "FlagVersion" | "FlagDeployment" => "1".to_owned(),
        id if id.starts_with("Filter") => "central".to_owned(),
        id if id.starts_with("Queue") => format!("https://sqs.example.com/{stack}/{id}"),
        id => format!("{stack}-{id}").to_lowercase(),
    }
}

/// Tokens of a full bucket, and a second.
fn rate(family: Family) -> (u32, f64) {
    let Rate { burst, per_second } = family.documented().unwrap_or_else(|| {
        let ours = family.ours();
        Rate { burst: ours.burst + ours.burst.div_ceil(10), per_second: ours.per_second * 1.1 }
    });
    (burst, per_second)
}

impl Simulation {
    pub(crate) async fn start(fleet: &[Desired]) -> Self {
        let mut state = State::default();
        for desired in fleet {
            let place = (desired.place.account.to_string(), desired.place.region.to_string());
            state.stacks.entry(place).or_default().insert(desired.stack.clone(), desired.clone());
        }
        let state = Arc::new(state);
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let serve = hyper::service::service_fn(|request| answer(Arc::clone(&state), request));
                    // A client that goes away ends its connection.
                    let _ =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        });
        Self { url, state }
    }

    /// Calls, refused calls, and the least seconds in which the buckets give so many tokens, but no less than a detection.
    pub(crate) fn counted(&self) -> (usize, usize, f64) {
        let buckets = self.state.buckets.lock().expect("buckets");
        let calls = buckets.values().map(|(_, calls)| calls).sum();
        let least = buckets.iter().map(|((.., family), (_, calls))| {
            let (burst, per_second) = rate(*family);
            calls.saturating_sub(burst as usize) as f64 / per_second
        });
        let throttled = self.state.throttled.lock().expect("throttled").values().sum();
        (calls, throttled, least.fold(DETECTION.as_secs_f64(), f64::max))
    }

    /// Calls by family, the slowest first: calls, refused ones, and the seconds of the fullest bucket.
    pub(crate) fn by_family(&self) -> Vec<(String, usize, usize, f64)> {
        let buckets = self.state.buckets.lock().expect("buckets");
        let throttled = self.state.throttled.lock().expect("throttled");
        let mut found: BTreeMap<String, (usize, f64)> = BTreeMap::new();
        for ((.., family), (_, calls)) in buckets.iter() {
            let (burst, per_second) = rate(*family);
            let seconds = calls.saturating_sub(burst as usize) as f64 / per_second;
            let row = found.entry(format!("{family:?}")).or_default();
            *row = (row.0 + calls, row.1.max(seconds));
        }
        let refused = |name: &str| throttled.get(name).copied().unwrap_or(0);
        let mut rows: Vec<_> =
            found.into_iter().map(|(name, (calls, seconds))| (name.clone(), calls, refused(&name), seconds)).collect();
        rows.sort_by(|a, b| b.3.total_cmp(&a.3));
        rows
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    tokio::time::sleep(LATENCY).await;
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let form: HashMap<String, String> =
        url::form_urlencoded::parse(&body).map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let scope: Vec<&str> = header("authorization").split("Credential=").nth(1).unwrap_or("").split('/').collect();
    let [key, _, region, service, ..] = scope[..] else { return Ok(xml(400, "<Unsigned/>")) };
    let account = key.strip_prefix("ASIA").unwrap_or("000000000000").to_owned();
    let action = form
        .get("Action")
        .cloned()
        .unwrap_or_else(|| header("x-amz-target").rsplit('.').next().unwrap_or("").to_owned());
    let path = parts.uri.path();
    let action = if service == "lambda" { of_lambda(path).to_owned() } else { action };
    let family = family(service, &action);
    let counted = if family.is_of_account() { "global" } else { region };
    if !state.take((account.clone(), counted.to_owned(), family)) {
        *state.throttled.lock().expect("throttled").entry(format!("{family:?}")).or_default() += 1;
        return Ok(refusal(service));
    }
    let none = BTreeMap::new();
    let stacks = state.stacks.get(&(account.clone(), region.to_owned())).unwrap_or(&none);
    Ok(match service {
        "sts" if action == "AssumeRole" => assumed(form.get("RoleArn").map_or("", String::as_str)),
        "sts" => xml(200, &wrapped("GetCallerIdentity", &format!("<Account>{account}</Account>"))),
        "cloudformation" => cloudformation(&state, &action, &form, stacks),
        "route53" if path.ends_with("/rrset") => records(&state, &account, parts.uri.query().unwrap_or("")),
        "ec2" if action == "DescribeVpcs" => vpcs(stacks),
        "sns" if action == "GetTopicAttributes" => {
            let policy = "<Attributes><entry><key>Policy</key><value>{}</value></entry></Attributes>";
            xml(200, &wrapped(&action, policy))
        }
        "logs" if action == "DescribeSubscriptionFilters" => json_of(&json!({ "subscriptionFilters": [
            { "filterName": "central", "filterPattern": "", "destinationArn": "arn:central" }] })),
        "iam" => xml(200, &wrapped(&action, "")),
        "s3" if path.contains("accesspoint") => xml(200, "<ListAccessPointsResult/>"),
        "s3" if matches!(parts.uri.query(), Some("logging" | "inventory" | "notification" | "acl")) => {
            xml(200, "<None/>")
        }
        "s3" if parts.uri.query() == Some("replication") => {
            xml(404, "<Error><Code>ReplicationConfigurationNotFoundError</Code></Error>")
        }
        "s3" if parts.uri.query() == Some("website") => {
            xml(404, "<Error><Code>NoSuchWebsiteConfiguration</Code></Error>")
        }
        "s3" if parts.uri.query() == Some("cors") => xml(404, "<Error><Code>NoSuchCORSConfiguration</Code></Error>"),
        "s3" => xml(404, "<Error><Code>NoSuchConfiguration</Code><Message>none</Message></Error>"),
        "sqs" => json_of(&json!({ "Attributes": { "Policy": "{}", "DelaySeconds": "0" } })),
        "lambda" if path.ends_with("/policy") || path.ends_with("/urls") || path.ends_with("/aliases") => {
            json_of(&json!({}))
        }
        "lambda" if path.ends_with("/event-invoke-config") => json_of(&json!({})),
        "lambda" if !path.trim_end_matches('/').ends_with("/functions") && !path.contains("event-source") => {
            json_of(&json!({}))
        }
        "lambda" if path.contains("event-source-mappings") => json_of(&json!({ "EventSourceMappings": [] })),
        "lambda" => {
            let names = stacks.keys().flat_map(|stack| ["Splitter", "Ingest"].map(|id| physical(stack, id)));
            json_of(&json!({ "Functions": names.map(|name| json!({ "FunctionName": name, "FunctionArn": name,
                "Version": "$LATEST" }))
                .collect::<Vec<_>>() }))
        }
        "cloudcontrolapi" => json_of(&json!({ "ResourceDescription": { "Identifier": "it", "Properties": "{}" } })),
        "appconfig" if path.ends_with("/deployments") => json_of(&json!({ "Items": [
            { "DeploymentNumber": 1, "State": "COMPLETE", "ConfigurationVersion": "1" }] })),
        "appconfig" => hosted(),
        "monitoring" => cbor(),
        "tagging" => json_of(&json!({ "ResourceTagMappingList": [], "PaginationToken": "" })),
        "kms" | "logs" | "ecs" | "es" | "ram" | "rolesanywhere" | "route53resolver" | "application-autoscaling" => {
            json_of(&json!({}))
        }
        _ => xml(200, &format!("<{action}Response></{action}Response>")),
    })
}

impl State {
    fn take(&self, bucket: Bucket) -> bool {
        let family = bucket.2;
        let mut buckets = self.buckets.lock().expect("buckets");
        let (limiter, calls) = buckets.entry(bucket).or_insert_with(|| {
            let (burst, per_second) = rate(family);
            let quota = Quota::with_period(Duration::from_secs_f64(1.0 / per_second)).expect("a rate");
            (RateLimiter::direct(quota.allow_burst(NonZeroU32::new(burst).expect("a burst"))), 0)
        });
        *calls += 1;
        limiter.check().is_ok()
    }
}

fn family(service: &str, action: &str) -> Family {
    match service {
        "cloudformation" if action == "DetectStackDrift" => Family::CloudFormationDrift,
        "cloudformation" => Family::CloudFormationRead,
        "cloudcontrolapi" => Family::CloudControl,
        "monitoring" => Family::CloudWatch,
        "ec2" => Family::Ec2Read,
        "iam" => Family::Iam,
        "s3" => Family::S3,
        "sqs" => Family::Sqs,
        "appconfig" => Family::AppConfig,
        "tagging" => Family::Tagging,
        "sts" => Family::Sts,
        other => Family::of(other, action),
    }
}

/// Those of Lambda's operations that have a rate of their own, by their paths.
fn of_lambda(path: &str) -> &'static str {
    match path.strip_prefix("/2015-03-31/functions/").map(|rest| rest.split('/').collect::<Vec<_>>()).as_deref() {
        Some([name]) if !name.is_empty() => "GetFunction",
        Some([_, "policy"]) => "GetPolicy",
        _ => "",
    }
}

/// The records of all stacks of an account, 300 a page.
fn records(state: &State, account: &str, query: &str) -> Answer {
    const PAGE: usize = 300;
    let from = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name").map(|(_, name)| name);
    let of_account = state.stacks.iter().filter(|((of, _), _)| of == account);
    let mut names: Vec<String> =
        of_account.flat_map(|(_, stacks)| stacks.values().map(|one| format!("{}.example.com", one.tenant))).collect();
    names.sort();
    let first = from.and_then(|from| names.iter().position(|name| *name == from)).unwrap_or(0);
    let sets: String = names[first..]
        .iter()
        .take(PAGE)
        .map(|name| format!("<ResourceRecordSet><Name>{name}</Name><Type>CNAME</Type></ResourceRecordSet>"))
        .collect();
    let next = names.get(first + PAGE).map(|name| format!("<NextRecordName>{name}</NextRecordName>"));
    let inner = format!("<ResourceRecordSets>{sets}</ResourceRecordSets>{}", next.unwrap_or_default());
    xml(200, &format!("<ListResourceRecordSetsResponse>{inner}</ListResourceRecordSetsResponse>"))
}

fn vpcs(stacks: &BTreeMap<String, Desired>) -> Answer {
    let each = stacks.iter().map(|(stack, desired)| {
        let tags =
            desired.tags.iter().map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>"));
        format!(
            "<item><vpcId>{}</vpcId><cidrBlock>10.0.0.0/16</cidrBlock><tagSet>{}</tagSet></item>",
            physical(stack, "Vpc"),
            tags.collect::<String>()
        )
    });
    let items: String = each.collect();
    xml(200, &format!("<DescribeVpcsResponse><vpcSet>{items}</vpcSet></DescribeVpcsResponse>"))
}

fn refusal(service: &str) -> Answer {
    let text = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    match service {
        "ec2" => xml(503, "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>"),
        "cloudformation" | "iam" | "sts" => xml(400, text),
        _ => {
            let mut answer = json_of(&json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }));
            *answer.status_mut() = hyper::StatusCode::BAD_REQUEST;
            answer.headers_mut().insert("x-amzn-errortype", "ThrottlingException".parse().expect("a header"));
            answer
        }
    }
}

fn cloudformation(
    state: &State,
    action: &str,
    form: &HashMap<String, String>,
    stacks: &BTreeMap<String, Desired>,
) -> Answer {
    let named = form.get("StackName").map_or("", String::as_str).trim_start_matches("arn:");
    let inner = match (action, stacks.get(named)) {
        ("DescribeStacks", _) => {
            format!("<Stacks>{}</Stacks>", stacks.values().map(described).collect::<String>())
        }
        ("GetTemplate", Some(stack)) => {
            format!("<TemplateBody>{}</TemplateBody>", stack.body.replace('&', "&amp;").replace('<', "&lt;"))
        }
        ("ListStackResources", Some(_)) => listed(named, form.contains_key("NextToken")),
        ("DetectStackDrift", _) => {
            let mut detections = state.detections.lock().expect("detections");
            detections.insert(named.to_owned(), tokio::time::Instant::now());
            format!("<StackDriftDetectionId>{named}</StackDriftDetectionId>")
        }
        ("DescribeStackDriftDetectionStatus", _) => {
            let id = form.get("StackDriftDetectionId").map_or("", String::as_str);
            let began = state.detections.lock().expect("detections").get(id).copied();
            let is_done = began.is_none_or(|began| began.elapsed() >= DETECTION);
            format!("<DetectionStatus>DETECTION_{}</DetectionStatus>", if is_done { "COMPLETE" } else { "IN_PROGRESS" })
        }
        ("DescribeStackResourceDrifts", Some(_)) => drifts(),
        _ => String::new(),
    };
    xml(200, &wrapped(action, &inner))
}

fn described(stack: &Desired) -> String {
    let tags: String = stack
        .tags
        .iter()
        .map(|(key, value)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>"))
        .collect();
    let output = |key: &str, value: &str| {
        format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
    };
    format!(
        "<member><StackId>arn:{0}</StackId><StackName>{0}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime><EnableTerminationProtection>true</EnableTerminationProtection>\
         <Tags>{tags}</Tags><Outputs>{1}{2}</Outputs></member>",
        stack.stack,
        output("TenantryRelease", &stack.release),
        output("TenantryDigest", &stack.digest)
    )
}

/// Two pages of a hundred, as a real stack has.
fn listed(stack: &str, second: bool) -> String {
    let row = |id: &str, kind: &str| {
        format!(
            "<member><LogicalResourceId>{id}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
             <PhysicalResourceId>{}</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>",
            physical(stack, id)
        )
    };
    let mut rows: Vec<String> = KINDS.iter().map(|(id, kind)| row(id, kind)).collect();
    rows.extend((0..DETECTED).map(|number| row(&format!("Thing{number}"), "AWS::SSM::Parameter")));
    rows.extend((rows.len()..RESOURCES).map(|number| row(&format!("Other{number}"), "AWS::Simulated::Other")));
    assert_eq!(rows.len(), RESOURCES);
    let (page, next) = if second { (&rows[100..], "") } else { (&rows[..100], "<NextToken>2</NextToken>") };
    format!("<StackResourceSummaries>{}</StackResourceSummaries>{next}", page.concat())
}

fn drifts() -> String {
    let row = |id: String, kind: &str| {
        format!(
            "<member><LogicalResourceId>{id}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
             <StackResourceDriftStatus>IN_SYNC</StackResourceDriftStatus></member>"
        )
    };
    let kinds = KINDS.iter().filter(|(id, _)| !UNREAD.contains(id));
    let kinds: String = kinds.map(|(id, kind)| row((*id).to_owned(), kind)).collect();
    let things: String = (0..DETECTED).map(|number| row(format!("Thing{number}"), "AWS::SSM::Parameter")).collect();
    format!("<StackResourceDrifts>{kinds}{things}</StackResourceDrifts>")
}

fn assumed(role: &str) -> Answer {
    let account = role.split(':').nth(4).unwrap_or("000000000000");
    let credentials = format!(
        "<Credentials><AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
    );
    xml(200, &wrapped("AssumeRole", &credentials))
}

fn wrapped(action: &str, inner: &str) -> String {
    format!("<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>")
}

fn xml(status: u16, text: &str) -> Answer {
    let answer = Response::builder().status(status).header("content-type", "text/xml");
    answer.body(Full::new(Bytes::from(text.to_owned()))).expect("an answer")
}

fn json_of(value: &Value) -> Answer {
    let answer = Response::builder().header("content-type", "application/x-amz-json-1.1");
    answer.body(Full::new(Bytes::from(value.to_string()))).expect("an answer")
}

fn hosted() -> Answer {
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("application-id", "app")
        .header("configuration-profile-id", "profile")
        .header("version-number", "1");
    answer.body(Full::new(Bytes::from_static(b"{}"))).expect("an answer")
}

/// An empty map.
fn cbor() -> Answer {
    let answer =
        Response::builder().header("content-type", "application/cbor").header("smithy-protocol", "rpc-v2-cbor");
    answer.body(Full::new(Bytes::from_static(&[0xa0]))).expect("an answer")
}
