//! Paging, through the binary and on an endpoint on loopback: alarms reach the paging service by the resources of the shipped
//! control plane and under its roles, and `tenantry watch` says which link is broken when they do not.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::artifacts;
use crate::process::{Endpoint, QUOTAS, copy_folder, printed_by_python, tenantry};

const HUB: &str = "111122223333";
const SPOKE: &str = "444455556666";
const PAGER: &str = r#"{"routing_key": "R0UT1NG", "token": "T0KEN", "down": false, "deaf": false, "oncalls": [
    {"user": {"id": "U1", "summary": "Ana"}, "schedule": {"id": "S1", "summary": "primary"},
     "escalation_policy": {"id": "P1", "summary": "platform"}, "escalation_level": 1, "end": "2027-01-01T08:00:00Z"}]}"#;

/// Deletes what was not delivered.
const PURGE: &str = "sqs = client('sqs')\n\
    url = sqs.get_queue_url(QueueName='metanet-pages-dead-letters')['QueueUrl']\n\
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get('Messages'):\n\
    \x20   [sqs.delete_message(QueueUrl=url, ReceiptHandle=one['ReceiptHandle']) for one in found]";

struct World {
    endpoint: Endpoint,
    folder: tempfile::TempDir,
}

struct Said {
    code: i32,
    text: String,
}

impl Said {
    fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{}", self.text);
        texts.iter().for_each(|text| assert!(self.text.contains(text), "no `{text}` in:\n{}", self.text));
    }

    fn lacks(&self, text: &str) {
        assert!(!self.text.contains(text), "`{text}` in:\n{}", self.text);
    }
}

impl World {
    /// A fleet of two accounts with a tenant each; control planes with paging.
    fn new() -> Self {
        static WORLD: LazyLock<World> = LazyLock::new(World::made);
        let world = Self { endpoint: WORLD.endpoint.copy(), folder: copy_folder(WORLD.folder.path()) };
        // The paging service is the endpoint's own.
        let fleet = fs::read_to_string(world.folder.path().join("tenants/fleet.yaml")).unwrap();
        world.write("tenants/fleet.yaml", &fleet.replace(&WORLD.endpoint.url, &world.endpoint.url));
        world
    }

    fn made() -> Self {
        let world = Self {
            endpoint: Endpoint::start(1, &[&QUOTAS[..], &["--enforce-iam"]].concat()),
            folder: tempfile::tempdir().unwrap(),
        };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        world.run(&["init", "."]).expect(0, &[]);
        artifacts::write(world.folder.path(), &world.folder.path().join("zips"), "paging");
        for file in ["initech.yaml", "certs/initech.pem", "certs/initech-investigators.pem"] {
            fs::copy(repository.join("tenants").join(file), world.folder.path().join("tenants").join(file)).unwrap();
        }
        let fleet = fs::read_to_string(world.folder.path().join("tenants/fleet.yaml")).unwrap();
        let (before, rest) = fleet.split_once("  us-east-1:\n").unwrap();
        let (_, after) = rest.split_once("\npools:").unwrap();
        let pools = after.split_once("  - { name: america").unwrap();
        let after = format!("{}{}", pools.0, pools.1.split_once('\n').unwrap().1);
        world.write("tenants/fleet.yaml", &format!("{before}\npools:{after}"));
        world.paging("");
        world.pager(PAGER);
        world.python(
            "secrets = client('secretsmanager')\n\
             secrets.create_secret(Name='metanet/pages/routing-key', SecretString='R0UT1NG')\n\
             secrets.create_secret(Name='metanet/pages/api-token', SecretString='T0KEN')",
        );
        world.run(&["bootstrap", "--role", "OrganizationAccountAccessRole", "--yes"]).expect(0, &["1 of 1 done"]);
        world
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).unwrap();
    }

    /// Lets the fleet page at the endpoint's own paging service.
    fn paging(&self, more: &str) {
        let path = "tenants/fleet.yaml";
        let text = fs::read_to_string(self.folder.path().join(path)).unwrap();
        let url = &self.endpoint.url;
        let paging = format!(
            "paging:\n  fallback_email: ops@metanet.example\n  low_urgency: [\"*-rejects\"]\n  api_url: {url}/_pagerduty\n{more}\naccounts:"
        );
        self.write(path, &text.replacen("accounts:", &paging, 1));
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let output = tenantry(&self.endpoint.url)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TENANTRY_FUNCTIONS", "zips")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Said { code: output.status.code().unwrap(), text }
    }

    fn watch(&self) -> Said {
        self.run(&["watch", "--canary-wait", "1", "--no-metrics", "--output", "markdown"])
    }

    /// Runs Python with `client(service, account)`; gives what it prints.
    fn python(&self, script: &str) -> String {
        let clients = "import boto3, json, sys, urllib.request\n\
            def client(name, account='111122223333'):\n\
            \x20   keys = dict(endpoint_url=sys.argv[1], region_name='eu-west-1')\n\
            \x20   sts = boto3.client('sts', aws_access_key_id='test', aws_secret_access_key='test', **keys)\n\
            \x20   role = f'arn:aws:iam::{account}:role/OrganizationAccountAccessRole'\n\
            \x20   given = sts.assume_role(RoleArn=role, RoleSessionName='test')['Credentials']\n\
            \x20   return boto3.client(name, aws_access_key_id=given['AccessKeyId'], \
            aws_secret_access_key=given['SecretAccessKey'], aws_session_token=given['SessionToken'], **keys)\n\
            def pager(document):\n\
            \x20   request = urllib.request.Request(sys.argv[1] + '/_tenantry/pager', document.encode(), method='POST')\n\
            \x20   print(urllib.request.urlopen(request).read().decode())\n";
        printed_by_python(Command::new("python").args(["-c", &format!("{clients}{script}"), &self.endpoint.url]))
    }

    /// Tells the paging service what it is like; gives what it has.
    fn pager(&self, document: &str) -> Value {
        serde_json::from_str(&self.python(&format!("pager({document:?})"))).unwrap()
    }

    /// Deletes what was not delivered, as a person would who has seen it.
    fn purge(&self) {
        self.python(PURGE);
    }

    fn confirm(&self) {
        self.python(
            "sns = client('sns')\n\
             topic = next(t['TopicArn'] for t in sns.list_topics()['Topics'] if t['TopicArn'].endswith(':metanet-pages'))\n\
             stack = client('cloudformation').describe_stack_resource(StackName='metanet-control-plane', \
             LogicalResourceId='FallbackSubscription')['StackResourceDetail']\n\
             sns.confirm_subscription(TopicArn=topic, Token=stack['PhysicalResourceId'])",
        );
    }
}

#[test]
fn a_canary_of_every_place_arrives_at_the_one_on_call() {
    let world = World::new();
    // Nobody has confirmed the mail.
    world.watch().expect(2, &["topic metanet-pages", "the subscription of ops@metanet.example waits for its owner"]);
    world.confirm();
    let whole = world.watch();
    whole.expect(2, &["canary from 111122223333 in eu-west-1: arrived and was resolved", "level 1: Ana, primary"]);
    whole.expect(2, &["canary from 444455556666 in eu-west-1: arrived and was resolved", "pages arrive"]);
    whole.lacks("error:");
    let had = world.pager("{}");
    let events = had["events"].as_array().unwrap();
    assert!(events.iter().all(|event| event["event_action"] == "resolve" || event["payload"]["severity"] == "warning"));
    assert!(
        had["incidents"].as_array().unwrap().iter().all(|one| one["status"] == "resolved" && one["urgency"] == "low")
    );
}

/// A script that breaks a link, what `watch` says then, and a script that repairs it.
type Link = (&'static str, &'static str, &'static str);

/// Links between the account of a tenant and the bus of pages.
const FROM_AN_ACCOUNT: [Link; 3] = [
    (
        "client('events', '444455556666').disable_rule(Name='metanet-pages-forward')",
        "rule metanet-pages-forward: it is disabled",
        "client('events', '444455556666').enable_rule(Name='metanet-pages-forward')",
    ),
    (
        "client('events', '444455556666').remove_targets(Rule='metanet-pages-forward', Ids=['pager'])",
        "rule metanet-pages-forward: its target, the next link, is not what the template says",
        "role = client('cloudformation', '444455556666').describe_stack_resource(StackName='metanet-control-plane', \
         LogicalResourceId='PageForwardRole')['StackResourceDetail']['PhysicalResourceId']\n\
         client('events', '444455556666').put_targets(Rule='metanet-pages-forward', Targets=[{'Id': 'pager', \
         'Arn': 'arn:aws:events:eu-west-1:111122223333:event-bus/metanet-pages', \
         'RoleArn': f'arn:aws:iam::444455556666:role/{role}'}])",
    ),
    (
        "open('policy.json', 'w').write(events.describe_event_bus(Name=name)['Policy'])\n\
         events.remove_permission(EventBusName=name, RemoveAllPermissions=True)",
        "event bus metanet-pages: its policy does not allow the account 444455556666",
        "events.put_permission(EventBusName=name, Policy=open('policy.json').read())",
    ),
];

/// Links from the bus to the paging service, which the pages of every account take.
const OF_THE_HUB: [Link; 3] = [
    (
        "events.disable_rule(Name=name + '-warning', EventBusName=name)",
        "rule metanet-pages-warning: it is disabled",
        "events.enable_rule(Name=name + '-warning', EventBusName=name)",
    ),
    (
        "events.deauthorize_connection(Name=name)",
        "connection metanet-pages: it is DEAUTHORIZED: it has no key for the paging service",
        "from_secret = {'ApiKeyName': 'X-Routing-Key', 'ApiKeyValue': 'R0UT1NG'}\n\
         arn = events.describe_connection(Name=name)['ConnectionArn']\n\
         events.delete_connection(Name=name)\n\
         made = events.create_connection(Name=name, AuthorizationType='API_KEY', AuthParameters={'ApiKeyAuthParameters': \
         from_secret, 'InvocationHttpParameters': {'BodyParameters': [{'Key': 'routing_key', 'Value': 'R0UT1NG', \
         'IsValueSecret': True}]}})\n\
         events.update_api_destination(Name=name, ConnectionArn=made['ConnectionArn'])",
    ),
    (
        "events.update_api_destination(Name=name, InvocationEndpoint='https://pager.example/elsewhere')",
        "API destination metanet-pages: it calls https://pager.example/elsewhere instead of https://events.pagerduty.com/v2/enqueue",
        "events.update_api_destination(Name=name, InvocationEndpoint='https://events.pagerduty.com/v2/enqueue')",
    ),
];

/// Ways in which the paging service takes nothing.
const OF_THE_SERVICE: [Link; 2] = [
    (
        "pager('{\"routing_key\": \"another\"}')",
        "although every link is there: the paging service refuses it (routing key, service disabled)",
        "pager('{\"routing_key\": \"R0UT1NG\"}')",
    ),
    ("pager('{\"deaf\": true}')", "although every link is there", "pager('{\"deaf\": false}')"),
];

/// Whether a run says that the canary of an account arrives.
fn arrives(said: &Said, account: &str, does: bool) {
    let (good, bad) = (
        format!("canary from {account} in eu-west-1: arrived"),
        format!("canary ({account} in eu-west-1): a page from here does not arrive"),
    );
    let (is, not) = if does { (&good, &bad) } else { (&bad, &good) };
    said.expect(2, &[is]);
    said.lacks(not);
}

/// Breaks each link in turn: `watch` names it, and the places that it cuts off.
fn broken(links: &[Link], cuts_hub: bool) {
    let world = World::new();
    world.confirm();
    let folder = world.folder.path().display();
    let run = |script: &str| {
        world.python(&format!(
            "import os\nos.chdir('{folder}')\nevents = client('events')\nname = 'metanet-pages'\n{script}"
        ))
    };
    for (break_it, says, repair) in links {
        run(break_it);
        let said = world.watch();
        said.expect(2, &[says]);
        arrives(&said, SPOKE, false);
        arrives(&said, HUB, !cuts_hub);
        run(&format!("{repair}\n{PURGE}"));
    }
    arrives(&world.watch(), SPOKE, true);
}

#[test]
fn each_broken_link_from_an_account_is_named() {
    broken(&FROM_AN_ACCOUNT, false);
}

#[test]
fn each_broken_link_of_the_hub_is_named() {
    broken(&OF_THE_HUB, true);
}

#[test]
fn a_paging_service_that_takes_nothing_is_named() {
    broken(&OF_THE_SERVICE, true);
}

#[test]
fn what_was_not_delivered_and_a_service_without_an_answer_are_reported() {
    let world = World::new();
    world.confirm();
    // What was not delivered waits, and is reported until a person has seen it.
    world.pager(r#"{"routing_key": "another"}"#);
    world.watch();
    world.pager(PAGER);
    world.watch().expect(2, &["dead-letter queue metanet-pages-dead-letters", "pages were not delivered"]);
    world.purge();
    // A service that is down, or refuses the token, makes the answer unknown.
    world.pager(r#"{"down": true}"#);
    world.watch().expect(4, &["unknown: canary (111122223333 in eu-west-1): 127.0.0.1:"]);
    world.pager(r#"{"down": false, "token": "other"}"#);
    world.watch().expect(4, &["does not accept the token (HTTP 401)"]);
    world.pager(PAGER);
    world.purge();
    world.pager(r#"{"oncalls": []}"#);
    world.watch().expect(2, &["rotation: no one is on call for the escalation policy `platform`"]);
    world.pager(PAGER);
    // A topic that delivers nothing.
    world.python(
        "client('cloudwatch').put_metric_data(Namespace='AWS/SNS', MetricData=[{'MetricName': 'NumberOfMessagesPublished', \
         'Dimensions': [{'Name': 'TopicName', 'Value': 'metanet-pages'}], 'Value': 2}])",
    );
    world
        .watch()
        .expect(2, &["topic metanet-pages", "it delivered none of the 2 messages that were published in a day"]);
}

#[test]
fn a_page_is_triggered_acknowledged_and_resolved_with_its_alarm() {
    let world = World::new();
    world.confirm();
    let set = |state: &str| {
        world.python(&format!(
            "client('cloudwatch').set_alarm_state(AlarmName='metanet-central-logs-late', StateValue='{state}', \
             StateReason='a \"test\" says so')"
        ))
    };
    let key = "111122223333/eu-west-1/metanet-central-logs-late";
    set("ALARM");
    let of_alarm = |had: &Value| -> Value {
        had["incidents"].as_array().unwrap().iter().find(|one| one["incident_key"] == key).cloned().unwrap_or_default()
    };
    let had = world.pager("{}");
    let incident = of_alarm(&had);
    assert_eq!((&incident["status"], &incident["urgency"]), (&"triggered".into(), &"high".into()));
    let event = had["events"].as_array().unwrap().iter().find(|event| event["dedup_key"] == key).unwrap();
    assert_eq!(event["payload"]["severity"], "critical");
    assert_eq!(event["payload"]["custom_details"]["state"]["reason"], "a \"test\" says so");
    world
        .watch()
        .expect(2, &["metanet-central-logs-late (111122223333 in eu-west-1)", "paged 0 min ago, assigned to Ana"]);
    world.run(&["alarms", "--control-plane"]).expect(2, &["metanet-central-logs-late"]);
    // Too old to be without an answer.
    world.pager(&format!(r#"{{"created": {{"{key}": "{}"}}}}"#, ago(40)));
    world.watch().expect(2, &["not acknowledged for 40 min, assigned to Ana"]);
    world.pager(&format!(r#"{{"acknowledge": ["{key}"]}}"#));
    world.watch().expect(2, &["acknowledged by Ana"]);
    set("OK");
    assert_eq!(of_alarm(&world.pager("{}"))["status"], "resolved");
    world.watch().lacks("metanet-central-logs-late");
    // A page that never left: the rule is off while the alarm changes.
    world.python("client('events').disable_rule(Name='metanet-pages-critical', EventBusName='metanet-pages')");
    set("ALARM");
    world.watch().expect(
        2,
        &["its page is under way", "rule metanet-pages-critical (111122223333 in eu-west-1): it is disabled"],
    );
    // An alarm of the list waits for working hours.
    world.python(
        "cloudwatch = client('cloudwatch')\n\
         cloudwatch.put_metric_alarm(AlarmName='metanet-acme-rejects', Namespace='n', MetricName='m', Statistic='Sum', Period=60, \
         EvaluationPeriods=1, Threshold=0, ComparisonOperator='GreaterThanThreshold')\n\
         cloudwatch.set_alarm_state(AlarmName='metanet-acme-rejects', StateValue='ALARM', StateReason='r')",
    );
    world.watch().expect(2, &["metanet-acme-rejects", "paged with low urgency"]);
    // Without paging there is one warning, and what alarms do is unknown.
    let fleet = fs::read_to_string(world.folder.path().join("tenants/fleet.yaml")).unwrap();
    let (before, rest) = fleet.split_once("paging:\n").unwrap();
    world.write("tenants/fleet.yaml", &format!("{before}accounts:{}", rest.split_once("\naccounts:").unwrap().1));
    let said = world.watch();
    said.expect(
        2,
        &["paging: tenants/fleet.yaml has no `paging`", "it is unknown whether the on-call engineer was paged"],
    );
    said.lacks("canary");
}

#[test]
fn a_run_publishes_what_alarms_watch() {
    let world = World::new();
    world.run(&["watch", "--no-canary"]).expect(2, &["published"]);
    let names = world.python(
        "found = client('cloudwatch').list_metrics(Namespace='Tenantry')['Metrics']\n\
         print(sorted({metric['MetricName'] for metric in found}))",
    );
    for name in ["CertificateDaysLeft", "QuotaHeadroom", "WatchRuns"] {
        assert!(names.contains(name), "{names}");
    }
    world.run(&["alarms", "--control-plane"]).expect(0, &["WatchLateAlarm", "metanet-pages-dead-letters"]);
}

/// A time so many minutes ago.
fn ago(minutes: i64) -> String {
    let now = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
