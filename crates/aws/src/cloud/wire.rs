//! The adapters on the wire: a local HTTP server replays answers and shows what was asked.

use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudformation::config::retry::RetryConfig;
use serde_json::Value;
use wiremock::matchers::{any, body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

fn place() -> Place {
    Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() }
}

fn session(url: &str) -> Session {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(session::http_client())
        .region(SdkRegion::new("eu-west-1"))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")))
        .build();
    Session::of(&config, &place())
}

/// The standard configuration with what it would otherwise look up.
async fn configuration(url: &str) -> SdkConfig {
    session::standard()
        .region(SdkRegion::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .load()
        .await
}

/// Answers a request whose body has `asked` (as a form's field) with a status and XML; anything else is a 404.
async fn answering(asked: &str, status: u16, xml: &str) -> (MockServer, Session) {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(xml.to_owned(), "text/xml");
    Mock::given(body_string_contains(asked)).respond_with(answer).expect(1..).mount(&server).await;
    let session = session(&server.uri());
    (server, session)
}

/// The error document of the query protocol.
fn refusal(code: &str, message: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
}

fn described(stacks: &str) -> String {
    format!(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks>{stacks}</Stacks></DescribeStacksResult>\
         </DescribeStacksResponse>"
    )
}

const STACK: &str = "<member><StackId>arn:1</StackId><StackName>org-acme</StackName>\
    <StackStatus>UPDATE_COMPLETE</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
    <LastUpdatedTime>2026-01-02T00:00:00Z</LastUpdatedTime><Outputs><member><OutputKey>TenantryDigest</OutputKey>\
    <OutputValue>abc</OutputValue></member></Outputs><Tags><member><Key>tenantry:tenant</Key><Value>acme</Value>\
    </member></Tags></member>";

#[tokio::test]
async fn stacks_are_read_with_outputs_tags_and_last_update() {
    let (_server, session) = answering("Action=DescribeStacks", 200, &described(STACK)).await;
    let stacks = cloudformation::stacks(&session).await.unwrap();
    let stack = &stacks["org-acme"];
    assert_eq!((stack.status.as_str(), stack.updated), ("UPDATE_COMPLETE", 1_767_312_000));
    assert_eq!(stack.outputs["TenantryDigest"], "abc");
    assert_eq!(stack.tags["tenantry:tenant"], "acme");
}

#[tokio::test]
async fn a_missing_field_names_account_region_operation_and_field() {
    let xml =
        described("<member><StackName>org-acme</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime></member>");
    let (_server, session) = answering("Action=DescribeStacks", 200, &xml).await;
    let error = cloudformation::stacks(&session).await.unwrap_err().to_string();
    for part in ["111122223333", "eu-west-1", "DescribeStacks", "org-acme", "StackId"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_stack_that_does_not_exist_is_no_error() {
    let xml = refusal("ValidationError", "Stack with id org-acme does not exist");
    let (_server, session) = answering("StackName=org-acme", 400, &xml).await;
    assert_eq!(cloudformation::stack(&session, "org-acme").await.unwrap(), None);
}

#[tokio::test]
async fn a_change_set_is_read_over_all_its_pages_with_property_values() {
    let page = |id: &str, next: &str| {
        format!(
            "<DescribeChangeSetResponse><DescribeChangeSetResult><ChangeSetId>cs</ChangeSetId>\
             <StackId>arn:1</StackId><Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>\
             {next}<Changes><member>\
             <Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>{id}</LogicalResourceId>\
             <ResourceType>AWS::SQS::Queue</ResourceType><Replacement>Conditional</Replacement><Details><member>\
             <Target><Attribute>Properties</Attribute><Name>Delay</Name><Path>/Properties/Delay</Path>\
             <BeforeValue>1</BeforeValue>\
             <AfterValue>2</AfterValue></Target></member></Details></ResourceChange></member></Changes>\
             </DescribeChangeSetResult></DescribeChangeSetResponse>"
        )
    };
    let server = MockServer::start().await;
    let xml = |text: String| ResponseTemplate::new(200).set_body_raw(text, "text/xml");
    Mock::given(body_string_contains("NextToken=more"))
        .respond_with(xml(page("Second", "")))
        .expect(1)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(body_string_contains("IncludePropertyValues=true"))
        .respond_with(xml(page("First", "<NextToken>more</NextToken>")))
        .expect(1)
        .mount(&server)
        .await;
    let session = session(&server.uri());
    let change_set = change_sets::find(&session, "org-acme", "name").await.unwrap().unwrap();
    let ids: Vec<&str> = change_set.changes.iter().map(|change| change.logical_id.as_str()).collect();
    assert_eq!(ids, ["First", "Second"]);
    let first = &change_set.changes[0];
    assert_eq!(first.replacement.as_deref(), Some("Conditional"));
    assert_eq!(first.properties[0].before.as_deref(), Some("1"));
    assert_eq!(first.properties[0].after.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_change_set_is_executed_so_that_a_rollback_deletes_what_it_created() {
    let answer = "<ExecuteChangeSetResponse><ExecuteChangeSetResult/></ExecuteChangeSetResponse>";
    let (_server, session) = answering("RetainExceptOnCreate=true", 200, answer).await;
    change_sets::execute(&session, "arn:change-set", "token").await.unwrap();
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

fn metric() -> usage_metrics::Metric {
    usage_metrics::Metric {
        namespace: "AWS/Usage".to_owned(),
        name: "ResourceCount".to_owned(),
        dimensions: [("Service".to_owned(), "EC2".to_owned())].into_iter().collect(),
        statistic: "Maximum".to_owned(),
        period_seconds: usage_metrics::USAGE_PERIOD_SECONDS,
    }
}

#[tokio::test]
async fn what_is_free_in_a_subnet_is_read_over_all_pages_and_never_taken_for_nothing() {
    let server = MockServer::start().await;
    let page = |id: &str, free: &str, more: &str| {
        let xml = format!(
            "<DescribeSubnetsResponse><subnetSet><item><subnetId>{id}</subnetId><cidrBlock>10.0.0.0/28</cidrBlock>{free}\
             <availabilityZoneId>euw1-az1</availabilityZoneId></item></subnetSet>{more}</DescribeSubnetsResponse>"
        );
        ResponseTemplate::new(200).set_body_raw(xml, "text/xml")
    };
    let free = "<availableIpAddressCount>7</availableIpAddressCount>";
    Mock::given(body_string_contains("NextToken=more"))
        .respond_with(page("subnet-2", free, ""))
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(body_string_contains("Action=DescribeSubnets"))
        .respond_with(page("subnet-1", free, "<nextToken>more</nextToken>"))
        .mount(&server)
        .await;
    let found = ec2_usage::subnets(&session(&server.uri())).await.unwrap();
    assert_eq!(
        found.iter().map(|subnet| (subnet.id.as_str(), subnet.free)).collect::<Vec<_>>(),
        [("subnet-1", 7), ("subnet-2", 7)]
    );
    let silent = MockServer::start().await;
    Mock::given(any()).respond_with(page("subnet-1", "", "")).mount(&silent).await;
    let error = ec2_usage::subnets(&session(&silent.uri())).await.unwrap_err();
    assert_eq!(error.cause, Cause::Missing { field: "AvailableIpAddressCount" });
}

#[tokio::test]
async fn what_an_endpoint_does_not_offer_is_distinguished_for_every_adapter() {
    let server = MockServer::start().await;
    let xml = refusal("NotImplemented", "not here");
    let answer = ResponseTemplate::new(501).set_body_raw(xml, "text/xml");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let session = session(&server.uri());
    let errors = [
        appconfig::deployments(&session, &flag_ids()).await.unwrap_err(),
        cloudformation::stacks(&session).await.unwrap_err(),
        ec2::vpc_cidrs(&session).await.unwrap_err(),
        ec2::zones(&session).await.unwrap_err(),
        iam::ensure_service_linked_role(&session, "opensearchservice.amazonaws.com").await.unwrap_err(),
        s3::put_if_absent(&session, "bucket", "key", s3::Content::Text("x")).await.unwrap_err(),
        sts::caller(&session).await.unwrap_err(),
        servicequotas::applied(&session, "vpc").await.unwrap_err(),
        servicequotas::defaults(&session, "vpc").await.unwrap_err(),
        servicequotas::requests(&session).await.unwrap_err(),
        servicequotas::request_increase(&session, "vpc", "L-F678F1CE", 8).await.unwrap_err(),
        account_settings::lambda(&session).await.unwrap_err(),
        account_settings::iam(&session).await.unwrap_err(),
        account_settings::buckets(&session).await.unwrap_err(),
        account_settings::search_domains(&session).await.unwrap_err(),
        resource_lists::count(&session, "AWS::SNS::Topic").await.unwrap_err(),
        usage_metrics::latest(&session, &[metric()], std::time::SystemTime::UNIX_EPOCH + DAY).await.unwrap_err(),
        ec2_usage::subnets(&session).await.unwrap_err(),
        ec2_usage::interfaces(&session).await.unwrap_err(),
        ec2_usage::nat_gateways(&session).await.unwrap_err(),
        ec2_usage::count(&session, ec2_usage::Counted::ElasticAddresses).await.unwrap_err(),
        ec2_usage::count(&session, ec2_usage::Counted::InternetGateways).await.unwrap_err(),
        offers::is_enabled(&session, &place().region).await.unwrap_err(),
        offers::resource_types(&session).await.unwrap_err(),
        offers::search_types(&session, "OpenSearch_2.19").await.unwrap_err(),
        offers::instance_types(&session).await.unwrap_err(),
    ];
    for error in errors {
        assert!(not_implemented(&error), "{error}");
    }
}

type Predicate = fn(&CallError) -> bool;

#[tokio::test]
async fn throttling_expiry_denial_and_wrong_credentials_are_distinguished() {
    let cases: [(&str, Predicate); 4] = [
        ("Throttling", is_throttled),
        ("ExpiredToken", is_expired),
        ("AccessDenied", is_access_denied),
        ("InvalidClientTokenId", is_wrong_credentials),
    ];
    for (code, predicate) in cases {
        let (_server, session) = answering("Action=DescribeStacks", 400, &refusal(code, "no")).await;
        let error = cloudformation::stacks(&session).await.unwrap_err();
        assert!(predicate(&error), "{error}");
        assert_eq!(cases.iter().filter(|(_, predicate)| predicate(&error)).count(), 1, "{error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn an_endpoint_out_of_reach_says_so_with_a_hint() {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = sts::caller(&session(&url)).await.unwrap_err();
    assert_eq!(error.cause, Cause::Unreachable(Unreached::Refused));
    assert!(error.hint().is_some_and(|hint| hint.contains("AWS_ENDPOINT_URL")));
}

#[tokio::test]
async fn credentials_of_another_account_open_no_session() {
    let xml = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>999900001111</Account>\
               </GetCallerIdentityResult></GetCallerIdentityResponse>";
    let (server, _) = answering("Action=GetCallerIdentity", 200, xml).await;
    let config = configuration(&server.uri()).await;
    let error = Cloud::over(config).session(&place(), &Access::default()).await.unwrap_err();
    assert_eq!(error.cause, Cause::WrongAccount { actual: "999900001111".to_owned() });
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_named_as_that() {
    let (server, _) = answering("ExternalId=secret-word", 403, &refusal("AccessDenied", "not you")).await;
    let config = configuration(&server.uri()).await;
    let access = Access { role: Some("deploy".to_owned()), external_id: Some("secret-word".to_owned()) };
    let error = Cloud::over(config).session(&place(), &access).await.unwrap_err();
    assert!(matches!(&error.cause, Cause::RoleDenied { code, .. } if code == "AccessDenied"), "{error:?}");
}

#[tokio::test]
async fn a_session_that_changes_nothing_assumes_the_reading_role() {
    let (server, _) = answering("role%2Fdeploy-read", 403, &refusal("AccessDenied", "not you")).await;
    let config = configuration(&server.uri()).await;
    let access = Access { role: Some("deploy".to_owned()), external_id: None };
    let error = Cloud::over(config).reading().session(&place(), &access).await.unwrap_err();
    assert!(matches!(&error.cause, Cause::RoleDenied { code, .. } if code == "AccessDenied"), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("tenantry bootstrap")), "{error:?}");
}

#[tokio::test]
async fn objects_go_by_path_to_an_address_and_only_if_absent() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/bucket/trust/a.pem"))
        .and(header("if-none-match", "*"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let put = s3::put_if_absent(&session(&server.uri()), "bucket", "trust/a.pem", s3::Content::Text("pem")).await;
    assert_eq!(put.unwrap(), s3::Put::Sent);
}

#[tokio::test]
async fn a_service_linked_role_that_exists_is_found() {
    let xml = refusal("InvalidInput", "Service role name X has been taken in this account");
    let (_server, session) = answering("Action=CreateServiceLinkedRole", 400, &xml).await;
    assert_eq!(
        iam::ensure_service_linked_role(&session, "opensearchservice.amazonaws.com").await.unwrap(),
        iam::Made::Before
    );
}

#[tokio::test]
async fn blocks_of_a_vpc_include_the_secondary_ones_but_not_those_given_up() {
    let xml = "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock>\
        <cidrBlockAssociationSet><item><cidrBlock>10.0.0.0/16</cidrBlock><cidrBlockState><state>associated</state>\
        </cidrBlockState></item><item><cidrBlock>10.1.0.0/16</cidrBlock><cidrBlockState><state>associated</state>\
        </cidrBlockState></item><item><cidrBlock>10.2.0.0/16</cidrBlock><cidrBlockState><state>disassociated</state>\
        </cidrBlockState></item></cidrBlockAssociationSet></item></vpcSet></DescribeVpcsResponse>";
    let (_server, session) = answering("Action=DescribeVpcs", 200, xml).await;
    let cidrs: Vec<String> = ec2::vpc_cidrs(&session).await.unwrap().into_iter().map(|(_, c)| c.to_string()).collect();
    assert_eq!(cidrs, ["10.0.0.0/16", "10.1.0.0/16"]);
}

fn flag_ids() -> appconfig::Ids {
    appconfig::Ids { application: "app1".to_owned(), environment: "env1".to_owned(), profile: "pro1".to_owned() }
}

#[tokio::test]
async fn deployments_are_those_of_the_profile_newest_first() {
    let server = MockServer::start().await;
    let one = |number: u32, profile: &str, state: &str| {
        serde_json::json!({ "DeploymentNumber": number, "ConfigurationProfileId": profile, "State": state,
            "ConfigurationVersion": number.to_string() })
    };
    let items = serde_json::json!({ "Items": [one(1, "pro1", "COMPLETE"), one(2, "other", "COMPLETE"),
        one(3, "pro1", "ROLLED_BACK")] });
    Mock::given(method("GET"))
        .and(path("/applications/app1/environments/env1/deployments"))
        .respond_with(ResponseTemplate::new(200).set_body_json(items))
        .mount(&server)
        .await;
    let found = appconfig::deployments(&session(&server.uri()), &flag_ids()).await.unwrap();
    assert_eq!(found.iter().map(|one| one.number).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(found.iter().map(appconfig::Deployment::is_in_force).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn a_version_is_deployed_with_its_reason_and_a_conflict_is_distinguished() {
    let server = MockServer::start().await;
    let answer = serde_json::json!({ "__type": "ConflictException", "Message": "one is in progress" });
    Mock::given(method("POST"))
        .and(path("/applications/app1/environments/env1/deployments"))
        .and(body_string_contains(r#""ConfigurationVersion":"7""#))
        .and(body_string_contains(r#""DeploymentStrategyId":"stra1""#))
        .and(body_string_contains(r#""LatestDeploymentNumber":3"#))
        .and(body_string_contains("too many errors"))
        .respond_with(
            ResponseTemplate::new(409).set_body_json(answer).insert_header("x-amzn-errortype", "ConflictException"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let session = session(&server.uri());
    let error = appconfig::start(&session, &flag_ids(), 7, 3, "stra1", "too many errors").await.unwrap_err();
    assert!(appconfig::is_conflict(&error), "{error:?}");
}

#[tokio::test]
async fn two_accounts_do_not_share_the_tokens_of_their_retries() {
    let server = MockServer::start().await;
    let throttled = || ResponseTemplate::new(400).set_body_raw(refusal("Throttling", "slower"), "text/xml");
    let xml = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>444455556666</Account>\
               </GetCallerIdentityResult></GetCallerIdentityResponse>";
    let of = |key: &str| wiremock::matchers::header_regex("authorization", &format!("Credential={key}/"));
    Mock::given(of("one")).respond_with(throttled()).mount(&server).await;
    Mock::given(of("two")).respond_with(throttled()).up_to_n_times(3).mount(&server).await;
    let answer = ResponseTemplate::new(200).set_body_raw(xml, "text/xml");
    Mock::given(of("two")).respond_with(answer).mount(&server).await;
    let session = async |key: &str, account: &str| {
        let config = session::standard()
            .region(SdkRegion::new("eu-west-1"))
            .endpoint_url(server.uri())
            .retry_config(
                RetryConfig::standard().with_max_attempts(5).with_initial_backoff(std::time::Duration::from_millis(1)),
            )
            .credentials_provider(Credentials::new(key, "secret", None, None, "test"))
            .load()
            .await;
        Session::of(&config, &Place { account: account.parse().unwrap(), region: "eu-west-1".parse().unwrap() })
    };
    let (one, two) = (session("one", "111122223333").await, session("two", "444455556666").await);
    // One account is throttled until it has no tokens left and its calls are not tried again.
    let mut before = 0;
    for call in 0.. {
        assert!(call < 200, "the tokens of retries never end");
        assert!(is_throttled(&sts::caller(&one).await.unwrap_err()));
        let seen = server.received_requests().await.unwrap().len();
        if seen - before == 1 {
            break;
        }
        before = seen;
    }
    assert_eq!(sts::caller(&two).await.unwrap().account, "444455556666", "the other one still tries again");
}

/// A session whose calls are tried so often, at once.
async fn patient(url: &str, attempts: u32) -> Session {
    let retries = RetryConfig::standard().with_max_attempts(attempts);
    let config = session::standard()
        .region(SdkRegion::new("eu-west-1"))
        .endpoint_url(url)
        .retry_config(retries.with_initial_backoff(std::time::Duration::from_millis(1)))
        .credentials_provider(Credentials::new("key", "secret", Some("token".to_owned()), None, "test"))
        .load()
        .await;
    Session::of(&config, &place())
}

#[tokio::test]
async fn calls_without_a_crate_of_the_sdk_are_tried_again_after_the_same_failures() {
    let in_json = |code: &str| serde_json::json!({ "__type": code, "message": "later" });
    let failures = [
        ResponseTemplate::new(400).set_body_raw(refusal("Throttling", "slower"), "text/xml"),
        ResponseTemplate::new(429).set_body_json(in_json("TooManyRequestsException")),
        ResponseTemplate::new(400).set_body_json(in_json("com.amazonaws#ThrottlingException")),
        ResponseTemplate::new(500).set_body_json(in_json("ServiceException")),
        ResponseTemplate::new(503).set_body_string("<html>busy"),
        ResponseTemplate::new(400).set_body_json(in_json("RequestTimeout")),
    ];
    for failure in failures {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(failure.clone()).up_to_n_times(2).expect(2).mount(&server).await;
        let answer =
            ResponseTemplate::new(200).set_body_json(serde_json::json!({ "DomainNames": [{ "DomainName": "d" }] }));
        Mock::given(any()).respond_with(answer).expect(1).mount(&server).await;
        let found = account_settings::search_domains(&patient(&server.uri(), 3).await).await.unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["d"], "{failure:?}");
        let requests = server.received_requests().await.unwrap();
        let header = |index: usize, name: &str| requests[index].headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header(0, "amz-sdk-invocation-id"), header(2, "amz-sdk-invocation-id"));
        assert!(header(2, "amz-sdk-request").contains("attempt=3"), "{}", header(2, "amz-sdk-request"));
        assert_eq!(header(0, "x-amz-security-token"), "token");
        assert!(header(0, "authorization").contains("/eu-west-1/es/aws4_request"));
        assert!(header(0, "user-agent").contains("api/OpenSearch/"), "{}", header(0, "user-agent"));
    }
}

#[tokio::test]
async fn a_refusal_that_does_not_pass_is_not_tried_again() {
    let server = MockServer::start().await;
    let denied = serde_json::json!({ "__type": "AccessDeniedException", "message": "not you" });
    Mock::given(any()).respond_with(ResponseTemplate::new(403).set_body_json(denied)).expect(1).mount(&server).await;
    let error = account_settings::lambda(&patient(&server.uri(), 3).await).await.unwrap_err();
    assert!(is_access_denied(&error) && !may_pass(&error), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_or_never_comes_may_pass() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("{\"cut")).mount(&server).await;
    let error = functions::all(&session(&server.uri())).await.unwrap_err();
    assert_eq!(error.cause, Cause::Unreadable { http_status: 200 });
    assert!(may_pass(&error));

    let slow = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(30));
    Mock::given(any()).respond_with(late).mount(&slow).await;
    let timeouts = aws_sdk_cloudformation::config::timeout::TimeoutConfig::builder();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(session::http_client())
        .sleep_impl(aws_smithy_async::rt::sleep::default_async_sleep().unwrap())
        .endpoint_url(slow.uri())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.operation_attempt_timeout(std::time::Duration::from_millis(50)).build())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")))
        .build();
    let error = functions::all(&Session::of(&config, &place())).await.unwrap_err();
    assert_eq!(error.cause, Cause::TimedOut);
    let error = functions::all(&session(&format!("http://{}:9", std::net::Ipv4Addr::LOCALHOST))).await.unwrap_err();
    assert_eq!(error.cause, Cause::Unreachable(Unreached::Refused));
}

#[tokio::test]
async fn functions_and_mappings_are_read_over_all_pages_in_the_words_of_cloudformation() {
    let server = MockServer::start().await;
    let asked = |at: &str| Mock::given(method("GET")).and(path(at));
    let page = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    let first =
        serde_json::json!({ "Functions": [{ "FunctionName": "a", "FunctionArn": "arn:a" }], "NextMarker": "m/1" });
    let second = serde_json::json!({ "Functions": [{ "FunctionName": "b", "FunctionArn": "arn:b", "Runtime": "provided.al2023",
        "MemorySize": 256, "KMSKeyArn": "", "CodeSha256": "sha", "Environment": { "Variables": { "K": "V" } },
        "VpcConfig": { "VpcId": "vpc-1", "SubnetIds": ["s"], "SecurityGroupIds": [] }, "Layers": [{ "Arn": "l", "CodeSize": 1 }] }],
        "NextMarker": null });
    asked("/2015-03-31/functions")
        .and(wiremock::matchers::query_param("Marker", "m/1"))
        .respond_with(page(second))
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    asked("/2015-03-31/functions").respond_with(page(first)).expect(1).mount(&server).await;
    let mapping = serde_json::json!({ "EventSourceMappings": [{ "UUID": "u", "State": "Disabling", "BatchSize": 5,
        "FilterCriteria": { "Filters": [{ "Pattern": "{}" }] } }] });
    asked("/2015-03-31/event-source-mappings").respond_with(page(mapping)).mount(&server).await;
    let session = session(&server.uri());
    let found = functions::all(&session).await.unwrap();
    let (a, b) = (&found["a"], &found["b"]);
    assert_eq!((a.vpc.as_deref(), b.vpc.as_deref(), b.code_sha256.as_deref()), (None, Some("vpc-1"), Some("sha")));
    assert_eq!(a.properties["Runtime"], Value::Null);
    assert_eq!(a.properties["Environment"], serde_json::json!({ "Variables": {} }));
    assert_eq!((&b.properties["KmsKeyArn"], &b.properties["MemorySize"]), (&Value::Null, &serde_json::json!(256)));
    assert_eq!(b.properties["VpcConfig"], serde_json::json!({ "SubnetIds": ["s"], "SecurityGroupIds": [] }));
    assert_eq!(b.properties["Layers"], serde_json::json!(["l"]));
    let mappings = functions::mappings(&session).await.unwrap();
    assert_eq!(mappings["u"]["Enabled"], false);
    assert_eq!(mappings["u"]["FilterCriteria"], serde_json::json!({ "Filters": [{ "Pattern": "{}" }] }));
}

#[tokio::test]
async fn alarms_are_read_with_their_states_and_since_when() {
    let server = MockServer::start().await;
    let one = |name: &str, state: &str| {
        serde_json::json!({ "AlarmName": name, "StateValue": state, "StateReason": "why",
        "StateUpdatedTimestamp": 1_767_312_000.5, "Threshold": 5, "Period": 60 })
    };
    let body = serde_json::json!({ "MetricAlarms": [one("b", "OK"), one("c", "NEW")], "CompositeAlarms": [one("a", "ALARM")] });
    Mock::given(header("x-amz-target", "GraniteServiceVersion20100801.DescribeAlarms"))
        .and(header("content-type", "application/x-amz-json-1.0"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    let session = session(&server.uri());
    let names = ["a", "b", "c"].map(str::to_owned);
    let found = cloudwatch::alarms(&session, &names).await.unwrap();
    let reported: Vec<_> = found.iter().map(|alarm| (alarm.name.as_str(), alarm.state, alarm.since)).collect();
    let since = Some(1_767_312_000);
    use cloudwatch::AlarmState::{Alarm, InsufficientData, Ok};
    assert_eq!(reported, [("a", Alarm, since), ("b", Ok, since), ("c", InsufficientData, since)]);
    let all = alarms::all(&session, "org-").await.unwrap();
    assert_eq!(
        (&all["b"].properties["Threshold"], &all["b"].properties["ActionsEnabled"]),
        (&5.0.into(), &true.into())
    );
}

#[tokio::test]
async fn roles_are_read_over_all_pages_of_xml() {
    let server = MockServer::start().await;
    let page = |list: &str, more: &str| {
        let result = "GetAccountAuthorizationDetails";
        let xml = format!("<{result}Response><{result}Result>{list}{more}</{result}Result></{result}Response>");
        ResponseTemplate::new(200).set_body_raw(xml, "text/xml")
    };
    let role = "<RoleDetailList><member><RoleName>r</RoleName>\
        <AssumeRolePolicyDocument>%7B%22Version%22%3A%22x%22%7D</AssumeRolePolicyDocument>\
        <RolePolicyList><member><PolicyName>p</PolicyName><PolicyDocument>{}</PolicyDocument></member></RolePolicyList>\
        <AttachedManagedPolicies/></member></RoleDetailList>";
    Mock::given(body_string_contains("Marker=next%3D"))
        .respond_with(page("<RoleDetailList/>", ""))
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(body_string_contains("Filter.member.1=Role"))
        .respond_with(page(role, "<Marker>next=</Marker>"))
        .expect(1)
        .mount(&server)
        .await;
    let found = roles::all(&session(&server.uri())).await.unwrap();
    let wanted = serde_json::json!({ "AssumeRolePolicyDocument": { "Version": "x" }, "PermissionsBoundary": null,
        "Policies": [{ "PolicyName": "p", "PolicyDocument": {} }], "ManagedPolicyArns": [] });
    assert_eq!(Value::Object(found["r"].clone()), wanted);
}

#[tokio::test]
async fn a_new_version_of_flags_is_sent_with_its_reason_and_read_back() {
    let server = MockServer::start().await;
    let versions = "/applications/app1/configurationprofiles/pro1/hostedconfigurationversions";
    Mock::given(method("POST"))
        .and(path(versions))
        .and(header("content-type", "application/json"))
        .and(header("description", "too many errors"))
        .and(body_string_contains(r#"{"f":1}"#))
        .respond_with(ResponseTemplate::new(201).insert_header("Version-Number", "7").set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(format!("{versions}/7")))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"f":1}"#))
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(path(format!("{versions}/7")))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let monitors = r#"{"Monitors":[{"AlarmArn":"arn:1"},{"AlarmArn":"arn:2","AlarmRoleArn":"r"}]}"#;
    Mock::given(method("PATCH"))
        .and(path("/applications/app1/environments/env1"))
        .and(body_string_contains(monitors))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    let session = session(&server.uri());
    let content = serde_json::json!({ "f": 1 });
    assert_eq!(appconfig::create_version(&session, &flag_ids(), &content, "too many errors").await.unwrap(), 7);
    assert_eq!(appconfig::document(&session, &flag_ids(), "7").await.unwrap(), content);
    appconfig::delete_version(&session, &flag_ids(), 7).await.unwrap();
    let monitor =
        |alarm: &str, role: Option<&str>| appconfig::Monitor { alarm: alarm.to_owned(), role: role.map(str::to_owned) };
    let both = [monitor("arn:1", None), monitor("arn:2", Some("r"))];
    appconfig::set_monitors(&session, &flag_ids(), &both).await.unwrap();
}

#[tokio::test]
async fn resources_are_counted_up_to_a_hundred_pages() {
    let server = MockServer::start().await;
    let body = serde_json::json!({ "ResourceDescriptions": [{ "Identifier": "a" }], "NextToken": "more" });
    Mock::given(header("x-amz-target", "CloudApiService.ListResources"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(6)
        .mount(&server)
        .await;
    let question = Question::json("cloudcontrolapi", "ListResources", "t", "CloudApiService", serde_json::json!({}))
        .pages("NextToken", "NextToken");
    let (pages, all) = reads::first(&session(&server.uri()), &question, 6).await.unwrap();
    assert_eq!((pages.len(), all), (6, false));
}
