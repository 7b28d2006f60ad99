//! Whose a stack is, through the binary: nothing of somebody else's is touched, and nothing of ours is forgotten.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use super::{Said, World};
use crate::process::{copy_folder, printed_by_python};

impl World {
    /// Runs Python with `cfn`, `ec2`, `sqs`, `sns` and `kms` as clients of the endpoint; gives what it prints.
    pub(super) fn python(&self, script: &str) -> String {
        let clients = "import boto3, json, sys\n\
            make = lambda name, region='eu-west-1': boto3.client(name, endpoint_url=sys.argv[1], region_name=region, \
            aws_access_key_id='test', aws_secret_access_key='test')\n\
            cfn, ec2, sqs, sns, kms = map(make, ('cloudformation', 'ec2', 'sqs', 'sns', 'kms'))\n\
            tags = lambda stack: {tag['Key']: tag['Value'] for tag in \
            cfn.describe_stacks(StackName=stack)['Stacks'][0].get('Tags', [])}\n";
        printed_by_python(Command::new("python").args(["-c", &format!("{clients}{script}"), &self.endpoint.url]))
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.estate.path().join(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from}: {text}");
        self.write(path, &text.replace(from, to));
    }

    /// Another tenant like `acme`, with another block.
    fn tenant(&self, name: &str, third: u8) {
        let text = fs::read_to_string(self.estate.path().join("tenants/acme.yaml")).unwrap();
        self.write(&format!("tenants/{name}.yaml"), &text.replace("10.16.0.0", &format!("10.16.{third}.0")));
    }

    pub(super) fn with(&self, arguments: &[&str], accepted: &[String]) -> Said {
        let accepted: Vec<&str> = accepted.iter().flat_map(|text| ["--override", text.as_str()]).collect();
        self.run(&[arguments, &accepted].concat())
    }

    /// With a control plane, and overrides of all that blocks a tenant.
    fn bootstrapped() -> (Self, Vec<String>) {
        static WORLD: LazyLock<(World, Vec<String>)> = LazyLock::new(|| {
            let world = World::new();
            world.run(&["bootstrap", "--yes"]).expect(0, &[]);
            let accepted = world.blocking().iter().map(|code| format!("{code}=a test says so")).collect();
            (world, accepted)
        });
        let (world, accepted) = &*WORLD;
        (Self { endpoint: world.endpoint.copy(), estate: copy_folder(world.estate.path()) }, accepted.clone())
    }
}

impl Said {
    pub(super) fn expect(&self, code: i32, texts: &[&str]) {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        texts.iter().for_each(|text| assert!(all.contains(text), "no `{text}` in:\n{all}"));
    }
}

/// Another team's stack, under the name that tenant `globex` would have; no type of it counts as stateful but the queue.
const FOREIGN: &str = "import json\n\
    topic = {'Type': 'AWS::SNS::Topic', 'Properties': {'TopicName': 'customers'}}\n\
    queue = {'Type': 'AWS::SQS::Queue', 'Properties': {'QueueName': 'orders'}}\n\
    body = json.dumps({'Resources': {'Orders': queue, 'Customers': topic}})\n\
    cfn.create_stack(StackName='metanet-globex', TemplateBody=body, Tags=[{'Key': 'owner', 'Value': 'sales'}])\n\
    cfn.get_waiter('stack_create_complete').wait(StackName='metanet-globex', WaiterConfig={'Delay': 1})\n";

#[test]
fn a_stack_of_a_tenants_name_that_is_not_ours_is_left_alone_until_each_loss_is_named() {
    let (world, accepted) = World::bootstrapped();
    world.tenant("globex", 4);
    world.python(FOREIGN);
    let untouched = || {
        assert_eq!(world.python("print(tags('metanet-globex'))"), "{'owner': 'sales'}");
        assert_eq!(
            world.python("print([t['TopicArn'].rsplit(':')[-1] for t in sns.list_topics()['Topics'] if 'customers' in t['TopicArn']], len(sqs.list_queues()['QueueUrls']))"),
            "['customers'] 1"
        );
    };
    let why = "stack `metanet-globex` is not owned by this estate: it has no tag `tenantry:estate`";
    world.run(&["plan", "globex"]).expect(2, &[why, "--adopt metanet-globex", "1 blocked"]);
    world.with(&["deploy", "globex", "--yes"], &accepted).expect(3, &[why]);
    world.run(&["status", "globex"]).expect(2, &["not owned", "it has no tag `tenantry:estate`"]);
    world.run(&["drift", "globex"]).expect(4, &["TN5505"]);
    world.run(&["destroy", "globex", "--confirm", "globex"]).expect(3, &[why]);
    untouched();

    let adopt = ["deploy", "globex", "--yes", "--adopt", "metanet-globex"];
    world
        .run(&["plan", "globex", "--adopt", "metanet-globex"])
        .expect(2, &["adopted: not owned", "- Customers AWS::SNS::Topic (not ours"]);
    world.with(&adopt, &accepted).expect(3, &["Customers of globex", "Orders of globex"]);
    world.with(&[&adopt[..], &["--allow-replace", "Customers"]].concat(), &accepted).expect(3, &["Orders of globex"]);
    untouched();
    world.with(&["deploy", "globex", "--yes", "--adopt", "metanet-globx"], &accepted).expect(1, &["did you mean"]);
    let named = [&adopt[..], &["--allow-replace", "Customers", "--allow-replace", "Orders"]].concat();
    world.with(&named, &accepted).expect(0, &[]);
    let tags = world.python("print(tags('metanet-globex'))");
    assert!(tags.contains("'tenantry:tenant': 'globex'") && tags.contains("tenantry:estate-id"), "{tags}");
    world.run(&["plan", "globex"]).expect(0, &[]);
}

#[test]
fn two_estates_of_one_organisation_leave_each_others_stacks_and_control_planes_alone() {
    let (world, accepted) = World::bootstrapped();
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    let tags = world.python("print(tags('metanet-acme'), tags('metanet-control-plane'))");
    world.edit("tenants/fleet.yaml", "\"organisation\":", "\"estate_id\":\"the-other-one\",\"organisation\":");
    let why = "its tag `tenantry:estate-id` names another estate";
    world.run(&["plan", "acme"]).expect(2, &["control plane `metanet-control-plane`", why, "set `estate_id: "]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(3, &[why]);
    world.run(&["bootstrap", "--yes"]).expect(3, &["stack `metanet-control-plane` is not owned by this estate", why]);
    world.run(&["destroy", "acme", "--confirm", "acme"]).expect(3, &[why]);
    world.tenant("bolt", 4);
    world.with(&["deploy", "bolt", "--yes"], &accepted).expect(3, &["control plane `metanet-control-plane`"]);
    assert_eq!(world.python("print(tags('metanet-acme'), tags('metanet-control-plane'))"), tags);
    // Its own stacks are not the orphans of the other.
    fs::remove_file(world.estate.path().join("tenants/acme.yaml")).unwrap();
    let said = world.run(&["status"]);
    assert!(!said.out.contains("orphaned"), "{}", said.out);
}

/// Commands that change something in an account, with arguments under which they would.
const WRITES: [&str; 16] = [
    "bootstrap --yes",
    "deploy acme --yes",
    "deploy acme --yes --release v1",
    "destroy acme --confirm acme --allow-delete Key --allow-delete Queue",
    "destroy acme --purge --confirm acme",
    "drift acme --fix --yes",
    "flags push acme verbose-logs true --reason r",
    "plan acme",
    "release pause --why r",
    "release resume --yes",
    "release roll v1 --yes",
    "release rollback v1 --yes",
    "rejects acme --replay --yes",
    "replay acme --yes",
    "rescue acme --yes",
    "unlock 123456789012 --yes",
];

/// Those that change nothing in an account, or only what belongs to no estate: increases of an account's quotas.
const OTHERS: [&str; 42] = [
    "alarms",
    "capacity",
    "completions",
    "cost",
    "diff",
    "doctor",
    "drift",
    "explain",
    "images",
    "incident close",
    "incident new",
    "flags lint",
    "flags list",
    "flags preview",
    "flags retire",
    "flags rollout",
    "flags set",
    "flags show",
    "flags unset",
    "flags why",
    "functions fetch",
    "functions verify",
    "graph",
    "init",
    "journal",
    "list",
    "man",
    "move",
    "new",
    "output",
    "permissions",
    "quotas",
    "release cut",
    "release diff",
    "release plan",
    "release status",
    "release verify",
    "render",
    "report",
    "schema",
    "status",
    "watch",
];

/// Every subcommand that has none of its own.
fn subcommands(command: &clap::Command, before: &str) -> Vec<String> {
    let inner = command.get_subcommands().map(|one| (one, format!("{before}{}", one.get_name())));
    inner
        .flat_map(|(one, name)| if one.has_subcommands() { subcommands(one, &format!("{name} ")) } else { vec![name] })
        .collect()
}

#[test]
fn no_command_changes_what_another_estate_of_the_organisation_has() {
    let all = subcommands(&<tenantry::cli::Cli as clap::CommandFactory>::command(), "");
    let known = |name: &String| {
        OTHERS.contains(&name.as_str())
            || name == "validate"
            || WRITES.iter().any(|line| line.starts_with(name.as_str()))
    };
    let unknown: Vec<&String> = all.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "say whether these change something in an account: {unknown:?}");

    let (world, accepted) = World::bootstrapped();
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments);
        assert!(git.current_dir(world.estate.path()).output().unwrap().status.success(), "{arguments:?}");
    };
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    // The state of a roll of the other estate.
    world.python(
        "s3 = make('s3')\nbucket = 'metanet-artifacts-123456789012-eu-west-1'\n\
         s3.put_object(Bucket=bucket, Key='releases/roll.json', Body='{}')",
    );
    world.edit("tenants/fleet.yaml", "\"organisation\":", "\"estate_id\":\"the-other-one\",\"organisation\":");
    let flags = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/flags.yaml");
    fs::copy(flags, world.estate.path().join("policies/flags.yaml")).unwrap();
    fs::write(world.estate.path().join(".gitignore"), ".tenantry\nzips\n").unwrap();
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    git(&["tag", "v1"]);
    let state = || {
        world.python(
            "s3 = make('s3')\n\
             for stack in cfn.describe_stacks()['Stacks']:\n\
             \x20   print(stack['StackName'], stack['StackStatus'], stack.get('LastUpdatedTime'), tags(stack['StackName']))\n\
             \x20   print([s['ChangeSetName'] for s in cfn.list_change_sets(StackName=stack['StackName'])['Summaries']])\n\
             for bucket in s3.list_buckets()['Buckets']:\n\
             \x20   print([(o['Key'], o['ETag']) for o in s3.list_objects_v2(Bucket=bucket['Name']).get('Contents', [])])\n\
             for url in sqs.list_queues().get('QueueUrls', []):\n\
             \x20   print(url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes'])",
        )
    };
    let before = state();
    assert!(before.contains("metanet-acme CREATE_COMPLETE") && before.contains("roll.json"), "{before}");
    for line in WRITES {
        let said = world.run(&line.split(' ').collect::<Vec<_>>());
        let all = format!("{}{}", said.out, said.err);
        assert!(said.code > 0 && all.contains("not owned by this estate"), "{line}: {} {all}", said.code);
        assert_eq!(state(), before, "{line}");
    }
}

#[test]
fn a_stack_without_the_estates_id_is_claimed_once_and_the_plan_shows_it() {
    let (world, accepted) = World::bootstrapped();
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    // As version 0.1.0 tagged it.
    world.python(
        "old = [{'Key': key, 'Value': value} for key, value in tags('metanet-acme').items() if key != 'tenantry:estate-id']\n\
         cfn.update_stack(StackName='metanet-acme', UsePreviousTemplate=True, Tags=old)\n\
         cfn.get_waiter('stack_update_complete').wait(StackName='metanet-acme', WaiterConfig={'Delay': 1})",
    );
    world.run(&["plan", "acme"]).expect(2, &["claimed: tagged by version 0.1.0", "`tenantry:estate-id`"]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &["claimed"]);
    assert!(world.python("print(tags('metanet-acme'))").contains("tenantry:estate-id"));
    let again = world.run(&["plan", "acme"]);
    again.expect(0, &[]);
    assert!(!again.out.contains("claimed"), "{}", again.out);
}

#[test]
fn stacks_that_git_does_not_name_are_told_with_their_cost_and_offboarded_without_a_file() {
    let (world, accepted) = World::bootstrapped();
    world.edit(
        "tenants/fleet.yaml",
        "\"regions\":{",
        "\"regions\":{\"eu-central-1\":{\"zones\":[\"euc1-az1\",\"euc1-az2\"],\"s3_prefix_list\":\"pl-6ea54007\"},",
    );
    world.run(&["bootstrap", "--yes"]).expect(0, &[]);
    world.tenant("bolt", 4);
    world.tenant("cube", 8);
    world.edit("tenants/bolt.yaml", "eu-west-1", "eu-central-1");
    world.with(&["deploy", "acme", "bolt", "cube", "--yes"], &accepted).expect(0, &[]);
    world.run(&["plan", "--all"]).expect(0, &[]);

    // One leaves git, one moves by an edit, and a region leaves the fleet with what is in it.
    fs::remove_file(world.estate.path().join("tenants/cube.yaml")).unwrap();
    fs::remove_file(world.estate.path().join("tenants/bolt.yaml")).unwrap();
    let all = fs::read_to_string(world.estate.path().join("tenants/fleet.yaml")).unwrap();
    let start = all.find("\"eu-central-1\"").unwrap();
    let end = all[start..].find("},").unwrap() + start + 2;
    world.write("tenants/fleet.yaml", &format!("{}{}", &all[..start], &all[end..]));
    let reported = [
        "orphaned: metanet-bolt (123456789012 in eu-central-1)",
        "orphaned: metanet-cube (123456789012 in eu-west-1)",
        "orphaned: metanet-control-plane (123456789012 in eu-central-1)",
        "git has no tenant `bolt`",
        "USD a month",
        "3 stacks not named by git",
    ];
    world.run(&["plan", "--all"]).expect(2, &reported);
    let drift = world.run(&["drift"]);
    drift.expect(2, &reported);
    world.run(&["status"]).expect(2, &reported);
    let answer = world.json(&["status"]);
    assert_eq!(answer["orphans"]["stacks"].as_array().unwrap().len(), 3, "{answer:#}");

    world.run(&["destroy", "dune", "--confirm", "dune"]).expect(1, &["there is no tenant `dune`"]);
    let refused = world.run(&["destroy", "bolt", "--confirm", "bolt"]);
    refused.expect(
        3,
        &["stateful resources would be deleted: Key", "--allow-delete Key", "Queue AWS::SQS::Queue", ": empty"],
    );
    world.python("sqs = make('sqs', 'eu-central-1')\nsqs.send_message(QueueUrl=sqs.get_queue_url(QueueName='metanet-bolt-queue')['QueueUrl'], MessageBody='x')");
    let destroy = ["destroy", "bolt", "--confirm", "bolt", "--allow-delete", "Key"];
    world.run(&destroy).expect(3, &["about 1 messages", "--allow-delete Queue"]);
    world.run(&[&destroy[..], &["--allow-delete", "Queue"]].concat()).expect(0, &["the stack is gone"]);
    world.run(&["destroy", "cube", "--confirm", "cube", "--allow-delete", "Key"]).expect(0, &[]);
    let left = world.run(&["status"]);
    assert!(left.out.contains("1 stack not named by git") && left.out.contains("control-plane"), "{}", left.out);
}

#[test]
fn destroy_says_what_is_in_what_it_deletes_as_far_as_cloudwatch_tells() {
    let (world, mut accepted) = World::bootstrapped();
    let resources = "Resources:\n  Data:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: \"{{ names.prefix }}-data\"\n";
    world.edit("templates/tenant.yaml.tera", "Resources:\n", resources);
    accepted.extend(world.blocking().iter().map(|code| format!("{code}=a test says so")));
    accepted.sort();
    accepted.dedup();
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    world.python("s3 = make('s3')\nfor key in 'abc':\n\x20   s3.put_object(Bucket='metanet-acme-data', Key=key, Body=b'x' * 1024)");
    let said = world.run(&["destroy", "acme", "--confirm", "acme"]);
    said.expect(
        3,
        &[
            "Data AWS::S3::Bucket metanet-acme-data: about 3 objects, ",
            "Key AWS::KMS::Key",
            "contents unknown: whatever it encrypts cannot be decrypted without it",
            "Queue AWS::SQS::Queue",
            ": empty",
            "--allow-delete Data --allow-delete Key",
        ],
    );
}

#[test]
fn status_is_what_is_known_and_nothing_unknown_is_current() {
    let (world, accepted) = World::bootstrapped();
    world.run(&["status", "acme"]).expect(2, &["not deployed"]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    world.run(&["status", "acme"]).expect(4, &["unknown", "drift was never checked"]);
    world.run(&["drift", "acme"]).expect(0, &[]);
    world.run(&["status", "acme"]).expect(0, &["current"]);
    assert!(world.journal().contains("\"command\":\"drift\""), "{}", world.journal());
    world.python(
        "key = [r['PhysicalResourceId'] for r in cfn.describe_stack_resources(StackName='metanet-acme')['StackResources'] \
         if r['LogicalResourceId'] == 'Key']\nkms.disable_key_rotation(KeyId=key[0])",
    );
    world.run(&["drift", "acme"]).expect(2, &[]);
    world.run(&["status", "acme"]).expect(2, &["drifted", "1 difference"]);
    // Another clone knows it from the control plane.
    fs::remove_dir_all(world.estate.path().join(".tenantry")).unwrap();
    world.run(&["status", "acme"]).expect(2, &["drifted", "1 difference"]);
    world.edit("templates/tenant.yaml.tera", "-queue\"\n", "-queue\"\n      DelaySeconds: 7\n");
    world.run(&["status", "acme"]).expect(2, &["outdated"]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    world.run(&["status", "acme"]).expect(4, &["drift was not checked since the last update"]);
}

#[test]
fn a_block_in_which_a_vpc_exists_is_not_given_away() {
    let (world, _) = World::bootstrapped();
    let new = |name: &str, more: &[&str]| {
        let arguments = [
            "new",
            name,
            "--like",
            "acme",
            "--set",
            "ingest.client_ca=tenants/certs/ca.pem",
            "--page",
            "https://p.example.com/x",
        ];
        world.run(&[&arguments[..], more].concat())
    };
    // In another region than the tenant's: a block is one tenant's in the whole fleet.
    world.python("ec2.create_vpc(CidrBlock='10.16.4.0/22')");
    new("bolt", &[]).expect(0, &["10.16.8.0/22"]);
    new("cube", &["--offline"]).expect(0, &["10.16.4.0/22", "the accounts were not read"]);
    new("control-plane", &[]).expect(1, &["TN1033"]);
    assert!(!world.estate.path().join("tenants/control-plane.yaml").exists());
}

#[test]
fn change_sets_of_earlier_plans_are_counted_and_a_failed_first_one_leaves_no_stack() {
    let (world, accepted) = World::bootstrapped();
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    for seconds in 1..4 {
        world.edit("templates/tenant.yaml.tera", "-queue\"\n", &format!("-queue\" # {seconds}\n"));
        let text = fs::read_to_string(world.estate.path().join("templates/tenant.yaml.tera")).unwrap();
        let delayed =
            text.replace(&format!("-queue\" # {seconds}\n"), &format!("-queue\"\n      DelaySeconds: {seconds}\n"));
        world.write("templates/tenant.yaml.tera", &delayed);
        world.run(&["plan", "acme"]).expect(2, &[]);
        world.write("templates/tenant.yaml.tera", super::TENANT);
    }
    world.edit("templates/tenant.yaml.tera", "-queue\"\n", "-queue\"\n      DelaySeconds: 9\n");
    world.run(&["plan", "acme"]).expect(2, &["change sets: 3 of earlier plans wait"]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    world.edit("templates/tenant.yaml.tera", "DelaySeconds: 9", "DelaySeconds: 8");
    let said = world.run(&["plan", "acme"]);
    assert!(!said.out.contains("earlier plans wait"), "{}", said.out);
    let sets = "print(len([s for s in cfn.list_change_sets(StackName='metanet-acme')['Summaries'] if s['ExecutionStatus'] == 'OBSOLETE']))";
    assert_eq!(world.python(sets), "0", "what the update outran is deleted");

    world.tenant("globex", 4);
    world.python("sqs.create_queue(QueueName='metanet-globex-queue')");
    // A plan reads, so the deploy removes the empty stack of the change set that failed.
    world.run(&["plan", "globex"]).expect(4, &[]);
    world.with(&["deploy", "globex", "--yes"], &accepted).expect(4, &[]);
    let shells =
        "print([s['StackName'] for s in cfn.describe_stacks()['Stacks'] if s['StackStatus'] == 'REVIEW_IN_PROGRESS'])";
    assert_eq!(world.python(shells), "[]");
}

#[test]
fn a_move_makes_a_stack_beside_the_old_one_and_ends_with_its_offboarding() {
    let (world, accepted) = World::bootstrapped();
    world.edit(
        "tenants/fleet.yaml",
        "\"regions\":{",
        "\"regions\":{\"eu-central-1\":{\"zones\":[\"euc1-az1\",\"euc1-az2\"],\"s3_prefix_list\":\"pl-6ea54007\"},",
    );
    world.run(&["bootstrap", "--yes"]).expect(0, &[]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    world.run(&["move", "acme", "--region", "eu-west-1"]).expect(1, &["is in 123456789012 in eu-west-1 already"]);
    world.run(&["move", "acme", "--region", "eu-west-9"]).expect(1, &[]);
    world.run(&["move", "acme", "--finish"]).expect(1, &["does not move"]);
    let begun = world.run(&["move", "acme", "--region", "eu-central-1"]);
    begun.expect(0, &["with 10.16.4.0/22", "Queue AWS::SQS::Queue", "under acme-eu-central-1.one.example.com"]);
    world.run(&["move", "acme", "--region", "eu-west-1"]).expect(1, &["moves already"]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    world.run(&["status"]).expect(4, &["moving: metanet-acme (123456789012 in eu-west-1)"]);
    world.run(&["plan", "--all"]).expect(2, &["moving: metanet-acme", "`acme` moves to 123456789012 in eu-central-1"]);
    world
        .run(&["move", "acme", "--finish"])
        .expect(3, &["is still in 123456789012 in eu-west-1", "--region eu-west-1"]);
    let destroy = ["destroy", "acme", "--region", "eu-west-1", "--confirm", "acme", "--allow-delete", "Key"];
    world.run(&destroy).expect(0, &["the stack is gone"]);
    world.run(&["move", "acme", "--finish"]).expect(0, &["acme-eu-central-1.one.example.com to acme.one.example.com"]);
    world.run(&["plan", "--all"]).expect(0, &[]);
}

#[test]
fn a_control_plane_that_lacks_what_a_stack_needs_blocks_it_until_bootstrap() {
    let (world, accepted) = World::bootstrapped();
    let outputs = "print(cfn.describe_stacks(StackName='metanet-acme')['Stacks'][0]['Outputs'])";
    let before = world.python(outputs);
    let metadata = "Metadata:\n";
    world.edit("templates/tenant.yaml.tera", metadata, &format!("{metadata}  TenantryControlPlane: 4\n"));
    let why =
        "control plane outdated: `metanet-control-plane` of this account and region is version 3, this release needs 4";
    world.run(&["plan", "acme"]).expect(2, &[why, "run `tenantry bootstrap`"]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(3, &[why]);
    assert_eq!(world.python(outputs), before);
    world.edit("templates/control-plane.yaml.tera", "Value: \"3\"", "Value: \"4\"");
    world.run(&["bootstrap", "--yes"]).expect(0, &[]);
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    // A newer control plane serves older stacks: what a release before it needs is still there.
    world.edit("templates/tenant.yaml.tera", "TenantryControlPlane: 4", "TenantryControlPlane: 1");
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
}

/// Its place in `fleet.yaml` decides nothing: the boundary is in the home Region's stack, and every Region is upgraded.
#[test]
fn control_planes_are_made_and_upgraded_in_every_region_where_the_home_region_is_not_the_first() {
    let world = World::new();
    world.edit(
        "tenants/fleet.yaml",
        "\"regions\":{",
        "\"regions\":{\"eu-central-1\":{\"zones\":[\"euc1-az1\",\"euc1-az2\"],\"s3_prefix_list\":\"pl-6ea54007\"},",
    );
    let text = fs::read_to_string(world.estate.path().join("tenants/fleet.yaml")).unwrap();
    assert!(text.find("eu-central-1") < text.find("\"eu-west-1\":{"), "{text}");
    let planes = || {
        world.python(
            "for region in ('eu-central-1', 'eu-west-1'):\n\
             \x20   own = make('cloudformation', region)\n\
             \x20   outputs = own.describe_stacks(StackName='metanet-control-plane')['Stacks'][0]['Outputs']\n\
             \x20   version = [one['OutputValue'] for one in outputs if one['OutputKey'] == 'TenantryControlPlane']\n\
             \x20   resources = own.describe_stack_resources(StackName='metanet-control-plane')['StackResources']\n\
             \x20   print(version[0], 'AWS::IAM::ManagedPolicy' in [one['ResourceType'] for one in resources])\n",
        )
    };
    world.run(&["bootstrap", "--yes"]).expect(0, &[]);
    assert_eq!(planes().split_whitespace().collect::<Vec<_>>(), ["3", "False", "3", "True"]);
    let accepted: Vec<String> = world.blocking().iter().map(|code| format!("{code}=a test says so")).collect();
    world.tenant("bolt", 4);
    world.edit("tenants/bolt.yaml", "eu-west-1", "eu-central-1");
    world.with(&["deploy", "--all", "--yes"], &accepted).expect(0, &[]);

    world.edit("templates/control-plane.yaml.tera", "Value: \"3\"", "Value: \"4\"");
    world.edit("templates/tenant.yaml.tera", "Metadata:\n", "Metadata:\n  TenantryControlPlane: 4\n");
    world
        .with(&["deploy", "--all", "--yes"], &accepted)
        .expect(3, &["acme, bolt (1 account, 2 regions)", "is version 3"]);
    world.run(&["bootstrap", "--yes"]).expect(0, &[]);
    assert_eq!(planes().split_whitespace().collect::<Vec<_>>(), ["4", "False", "4", "True"]);
    world.with(&["deploy", "--all", "--yes"], &accepted).expect(0, &[]);
}
