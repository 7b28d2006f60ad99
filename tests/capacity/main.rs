//! `tenantry quotas` and `tenantry capacity` against a local endpoint: what they foretell happens, with their numbers.

mod endpoint;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::LazyLock;

use crate::process::Endpoint;
use endpoint::{Estate, start};
use serde_json::{Value, json};

/// One endpoint for all tests; each has an account of its own.
static ENDPOINT: LazyLock<Endpoint> = LazyLock::new(|| start(1, &["--enforce-quotas", "--enforce-iam"]));

const CLEAN: i32 = 0;
const FINDINGS: i32 = 2;
const INCOMPLETE: i32 = 4;

/// A quota's row in the first place of an answer.
fn row<'a>(answer: &'a Value, quota: &str) -> &'a Value {
    let rows = answer["places"].as_array().unwrap().iter().flat_map(|place| place["quotas"].as_array().unwrap());
    rows.into_iter().find(|row| row["quota"] == quota).unwrap_or_else(|| panic!("no {quota} in {answer:#}"))
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn a_quota_of_vpcs_is_reached_when_it_was_foretold() {
    let estate = Estate::new(&ENDPOINT, "700000000001");
    let make = "ec2 = client('ec2')\nec2.create_vpc(CidrBlock='10.0.0.0/16')\n";
    // A region has a default VPC; three more leave room for the tenant and nobody else.
    ENDPOINT.done(estate.account, &format!("{make}{make}{make}"));
    let (code, answer) = ENDPOINT.json(&estate, &["quotas", "acme"]);
    let vpcs = row(&answer, "vpc-vpcs");
    assert_eq!(
        (vpcs["used"]["known"].as_u64(), vpcs["after"].as_u64(), vpcs["limit"].as_u64()),
        (Some(4), Some(5), Some(5))
    );
    assert_eq!((vpcs["level"].as_str(), vpcs["limit_source"].as_str()), (Some("warning"), Some("applied")));
    assert_eq!(code, FINDINGS, "{answer:#}");
    ENDPOINT.done(estate.account, make);
    let (code, answer) = ENDPOINT.json(&estate, &["quotas", "acme"]);
    let vpcs = row(&answer, "vpc-vpcs");
    assert_eq!((vpcs["used"]["known"].as_u64(), vpcs["after"].as_u64()), (Some(5), Some(6)));
    assert_eq!((vpcs["level"].as_str(), vpcs["request"].as_u64(), code), (Some("error"), Some(8), FINDINGS));
    assert_eq!(answer["places"][0]["limiting_quota"]["quota"], "vpc-vpcs");
    // And so it is: one more is refused.
    let refused = ENDPOINT.python(estate.account, make);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("VpcLimitExceeded"));
    let raise = json!({ "account": estate.account, "region": "eu-west-1", "code": "L-F678F1CE", "value": 20 });
    ENDPOINT.control("/_tenantry/quotas", &raise);
    let (code, answer) = ENDPOINT.json(&estate, &["quotas", "acme"]);
    assert_eq!((row(&answer, "vpc-vpcs")["limit"].as_u64(), code), (Some(20), CLEAN), "{answer:#}");
}

/// Makes the tenant's VPC and subnets under the name of its stack, and gives the id of its green subnet in zone 1.
fn deploy_subnets(estate: &Estate) -> String {
    let template = estate.template(&ENDPOINT);
    let resources: serde_json::Map<String, Value> = template["Resources"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, one)| matches!(one["Type"].as_str(), Some("AWS::EC2::VPC" | "AWS::EC2::Subnet")))
        .map(|(id, one)| (id.clone(), one.clone()))
        .collect();
    let body = json!({ "Resources": resources }).to_string();
    ENDPOINT.done(
        estate.account,
        &format!(
            "cloud = client('cloudformation')\n\
             cloud.create_stack(StackName='metanet-acme', TemplateBody={body:?})\n\
             cloud.get_waiter('stack_create_complete').wait(StackName='metanet-acme', WaiterConfig={{'Delay': 1}})\n\
             found = cloud.describe_stack_resource(StackName='metanet-acme', LogicalResourceId='GreenSubnetA')\n\
             print(found['StackResourceDetail']['PhysicalResourceId'])\n"
        ),
    )
}

/// The row of the green subnet in zone 1.
fn green(answer: &Value) -> &Value {
    let mut rows = answer["places"].as_array().unwrap().iter().flat_map(|place| place["subnets"].as_array().unwrap());
    rows.find(|row| row["logical_id"] == "GreenSubnetA").unwrap()
}

#[test]
fn a_subnet_starves_when_it_was_foretold() {
    let estate = Estate::new(&ENDPOINT, "700000000002");
    let id = deploy_subnets(&estate);
    let (code, answer) = ENDPOINT.json(&estate, &["capacity", "acme"]);
    let before = green(&answer);
    let (usable, needed) = (before["usable"].as_u64().unwrap(), before["needed"].as_u64().unwrap());
    assert_eq!((before["level"].as_str(), before["now"]["known"]["used"].as_u64()), (Some("ok"), Some(0)));
    assert_eq!(code, CLEAN, "{answer:#}");
    // Somebody else takes addresses: as many as leave one too few for the search domain's blue/green change.
    let taken = usable - needed + 1;
    let take = |number: u64| {
        format!(
            "ec2 = client('ec2')\nleft = {number}\nwhile left:\n\
             \x20   part = min(left, 50)\n\
             \x20   ec2.create_network_interface(SubnetId='{id}', Description='printer', SecondaryPrivateIpAddressCount=part - 1)\n\
             \x20   left -= part\n"
        )
    };
    ENDPOINT.done(estate.account, &take(taken));
    let (code, answer) = ENDPOINT.json(&estate, &["capacity", "acme"]);
    let after = green(&answer);
    assert_eq!(after["now"]["known"]["used"].as_u64(), Some(taken), "{after:#}");
    assert_eq!(after["now"]["known"]["owners"]["unknown"].as_u64(), Some(taken));
    assert_eq!((after["needed"].as_u64(), after["level"].as_str()), (Some(usable + 1), Some("error")));
    assert_eq!((codes(&answer), code), (vec!["TN2201"], FINDINGS));
    // And so it is: the subnet gives exactly what is left, and not one address more.
    ENDPOINT.done(estate.account, &take(usable - taken));
    let refused = ENDPOINT.python(estate.account, &take(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("InsufficientFreeAddressesInSubnet"));
}

#[test]
fn what_is_denied_is_unknown_and_never_green() {
    let estate = Estate::new(&ENDPOINT, "700000000003");
    let rule = |service: &str, operation: &str, kind: &str| json!({ "service": service, "operation": operation, "kind": kind, "account": estate.account });
    let rules = [
        rule("ec2", "DescribeVpcs", "denied"),
        rule("service-quotas", "List*Quotas", "denied"),
        rule("opensearch", "ListInstanceTypeDetails", "not-implemented"),
        rule("ec2", "DescribeSubnets", "denied"),
    ];
    ENDPOINT.control("/_tenantry/faults", &json!({ "rules": rules }));
    let (code, answer) = ENDPOINT.json(&estate, &["capacity", "acme"]);
    ENDPOINT.control("/_tenantry/faults", &json!({ "rules": [] }));
    assert_eq!(code, INCOMPLETE, "{answer:#}");
    let vpcs = row(&answer, "vpc-vpcs");
    assert_eq!(vpcs["level"], "unknown");
    let why = vpcs["used"]["unknown"].as_str().unwrap();
    assert!(why.contains("DescribeVpcs") && why.contains(estate.account), "{why}");
    assert!(vpcs["limit_source"]["table"]["why"].as_str().is_some_and(|why| why.contains("ListServiceQuotas")));
    assert!(answer["places"][0]["subnets"].as_array().unwrap().iter().all(|subnet| subnet["level"] == "unknown"));
    let found = codes(&answer);
    assert!(found.contains(&"TN2203") && found.contains(&"TN2306") && found.contains(&"TN2104"), "{found:?}");
}

#[test]
fn increases_are_asked_for_once_and_followed_to_their_end() {
    let estate = Estate::new(&ENDPOINT, "700000000004");
    let more = ["quotas", "acme", "--what-if", "tenants+=1:like=acme", "--request"];
    let (_, answer) = ENDPOINT.json(&estate, &more);
    let wish = answer["requests"].as_array().unwrap().iter().find(|wish| wish["quota"] == "ec2-elastic-ips").unwrap();
    assert_eq!((wish["outcome"]["kind"].as_str(), wish["desired"].as_u64()), (Some("filed"), Some(8)), "{wish:#}");
    let id = wish["outcome"]["request"]["id"].clone();
    let (_, answer) = ENDPOINT.json(&estate, &more);
    let again = answer["requests"].as_array().unwrap().iter().find(|wish| wish["quota"] == "ec2-elastic-ips").unwrap();
    assert_eq!((again["outcome"]["kind"].as_str(), &again["outcome"]["request"]["id"]), (Some("open"), &id));
    // Followed: AWS decides while the tool watches.
    let mut watch = ENDPOINT
        .tenantry(&estate, &["quotas", "acme", "--watch", "--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("PENDING"));
    let grant = json!({ "account": estate.account, "region": "eu-west-1", "code": "L-0263D0A3", "value": 8 });
    ENDPOINT.control("/_tenantry/quotas", &grant);
    assert!(lines.any(|line| line.unwrap().contains("APPROVED")));
    let answer: Value = serde_json::from_slice(&watch.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(answer["watched"]["requests"][0][1]["status"], "APPROVED");
    assert_eq!(answer["watched"]["interrupted"], false);
}

#[test]
fn a_type_that_a_zone_lacks_is_named_before_the_deploy() {
    let estate = Estate::new(&ENDPOINT, "700000000005");
    let kind = estate.template(&ENDPOINT)["Resources"]["Search"]["Properties"]["ClusterConfig"]["InstanceType"].clone();
    let lack = json!({ "account": estate.account, "region": "eu-west-1", "type": kind, "zones": ["euw1-az2"] });
    ENDPOINT.control("/_tenantry/offers", &lack);
    let (code, answer) = ENDPOINT.json(&estate, &["capacity", "acme"]);
    assert_eq!((codes(&answer), code), (vec!["TN2303"], FINDINGS), "{answer:#}");
    let message = answer["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("euw1-az2") && message.contains(kind.as_str().unwrap()), "{message}");
}

#[test]
fn a_deployment_under_way_is_counted() {
    let endpoint = start(60_000, &[]);
    // Where every step takes a minute, no control plane would ever be there.
    let estate = Estate::without_control_plane("700000000006");
    let body = json!({ "Resources": {
        "One": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": "10.9.0.0/16" } },
        "Two": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": "10.8.0.0/16" }, "DependsOn": "One" },
    } });
    let start = format!("client('cloudformation').create_stack(StackName='foreign', TemplateBody='{body}')");
    endpoint.done(estate.account, &start);
    let (_, answer) = endpoint.json(&estate, &["quotas", "acme"]);
    assert_eq!(answer["places"][0]["deploying"], json!(["foreign"]));
    let vpcs = row(&answer, "vpc-vpcs");
    // The default VPC, the foreign stack's two wherever it is, and the tenant's.
    assert_eq!(vpcs["after"].as_u64(), Some(4), "{vpcs:#}");
}

#[test]
fn a_fleet_that_does_not_exist_is_counted_like_one_that_does() {
    let estate = Estate::new(&ENDPOINT, "700000000007");
    let count = |what: &[&str]| {
        let (code, answer) = ENDPOINT.json(&estate, &[&["capacity", "--offline", "--runway"], what].concat());
        assert!(code == INCOMPLETE, "{answer:#}");
        let needed = green(&answer)["needed"].as_u64().unwrap();
        (row(&answer, "vpc-vpcs")["after"].as_u64().unwrap(), needed, answer["runway"][0]["more"].as_u64().unwrap())
    };
    let (vpcs, needed, more) = count(&[]);
    // Three elastic addresses of five are taken by one tenant, so no second one fits.
    assert_eq!((vpcs, more), (1, 0));
    assert_eq!(count(&["--what-if", "tenants+=50:like=acme@eu-west-1"]).0, 51);
    let heavier = count(&["--what-if", "ingest.peak_gib_per_minute=40"]);
    assert!(heavier.1 > needed, "{heavier:?} {needed}");
    let refused =
        ENDPOINT.tenantry(&estate, &["capacity", "--offline", "--what-if", "ingest.peek=4"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the spec has no `ingest.peek`"));
}

#[test]
fn a_bucket_that_an_earlier_stack_left_is_named_before_the_deploy() {
    let estate = Estate::new(&ENDPOINT, "700000000008");
    let bucket = estate.template(&ENDPOINT)["Resources"]["LandingBucket"]["Properties"]["BucketName"].clone();
    let make = format!(
        "client('s3').create_bucket(Bucket={bucket}, CreateBucketConfiguration={{'LocationConstraint': 'eu-west-1'}})"
    );
    ENDPOINT.done(estate.account, &make);
    let (code, answer) = ENDPOINT.json(&estate, &["capacity", "acme"]);
    assert_eq!((codes(&answer), code), (vec!["TN2402"], FINDINGS), "{answer:#}");
    assert_eq!(answer["findings"][0]["resource"], "LandingBucket");
}
