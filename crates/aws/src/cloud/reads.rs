//! Calls of services for which the tool needs no crate of the SDK: what is asked is data, the answer is JSON. All of
//! `policies/neighbours.yaml` read.
//!
//! Signing, retries and time limits are the SDK's own; rates are ours, as for every other call.

use std::borrow::Cow;
use std::fmt;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_cloudformation::config::SharedHttpClient;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use aws_types::region::{Region as SdkRegion, SigningRegion};
use serde_json::{Map, Value};

use super::{CallError, Cause, Family, Place, Session, xml};

/// The most pages of one question: more of them are an error, never a part of an answer.
const MOST_PAGES: usize = 1000;

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// As signatures and IAM's actions name the service: `sns`.
    pub service: &'static str,
    pub operation: &'static str,
    /// What it is about, for errors.
    pub subject: String,
    pub way: Way,
    /// Where an answer says that there is more, and the parameter that asks for it.
    pub next: Vec<(String, String)>,
}

/// How a question is put: the protocol of the service.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// A form of parameters; the version is the API's.
    Query { version: String, parameters: Vec<(String, String)> },
    /// JSON with the operation as target.
    Json { target: String, body: Value },
    /// A path with its query; with a body it is posted.
    Rest { path: String, body: Option<Value> },
}

/// How the services are reached, from the session's configuration.
pub(super) struct Reader {
    config: SdkConfig,
}

impl Reader {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone() }
    }
}

/// What a service refused.
#[derive(Debug)]
struct Refusal(ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// Every page of the answer to a question.
///
/// # Errors
/// Whatever a call can end in; an answer that is neither JSON nor XML, or that never ends.
pub async fn ask(session: &Session, question: &Question) -> Result<Vec<Value>, CallError> {
    let mut pages = Vec::new();
    let mut more: Vec<(String, String)> = Vec::new();
    while pages.len() < MOST_PAGES {
        session.turn(Family::of_service(question.service)).await;
        let page = once(session, question, &more).await?;
        let next = question.next.iter().filter_map(|(told, asked)| {
            let token = at(&page, told)?.as_str().filter(|token| !token.is_empty())?.to_owned();
            Some((asked.clone(), token))
        });
        let next: Vec<_> = next.collect();
        pages.push(page);
        if next.is_empty() {
            return Ok(pages);
        }
        more = next;
    }
    let cause = Cause::Missing { field: "last page" };
    Err(CallError::because(&session.place, question.operation, &question.subject, cause))
}

/// The value at a path of member names, `Policy.Statement`; JSON in a text counts as the value that it holds. An empty
/// path is the value itself.
pub fn at<'v>(value: &'v Value, path: &str) -> Option<Cow<'v, Value>> {
    let mut node = Cow::Borrowed(value);
    for key in path.split('.').filter(|key| !key.is_empty()) {
        let parsed = node.as_str().filter(|text| text.trim_start().starts_with('{'));
        if let Some(parsed) = parsed.and_then(|text| serde_json::from_str(text).ok()) {
            node = Cow::Owned(parsed);
        }
        node = match node {
            Cow::Borrowed(Value::Object(map)) => Cow::Borrowed(map.get(key)?),
            Cow::Owned(Value::Object(mut map)) => Cow::Owned(map.remove(key)?),
            _ => return None,
        };
    }
    Some(node)
}

async fn once(session: &Session, question: &Question, more: &[(String, String)]) -> Result<Value, CallError> {
    let config = &session.reader.config;
    let place = &session.place;
    let missing = |field| CallError::because(place, question.operation, &question.subject, Cause::Missing { field });
    let host = Host::of(question.service, place);
    let endpoint = config.endpoint_url().map_or_else(|| host.url.clone(), str::to_owned);
    let http: SharedHttpClient = config.http_client().ok_or_else(|| missing("HTTP client"))?;
    let credentials = config
        .credentials_provider()
        .ok_or_else(|| CallError::because(place, question.operation, &question.subject, Cause::NoCredentials))?;

    let mut layer = Layer::new("signing");
    let mut options = SigningOptions::default();
    if host.signing_name == "s3" {
        // Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header".
        (options.content_sha256_header, options.double_uri_encode, options.normalize_uri_path) = (true, false, false);
    }
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(SdkRegion::new(host.region.clone()))),
        name: Some(host.signing_name.into()),
        region_set: None,
        signing_options: options,
    });
    let mut components = RuntimeComponentsBuilder::new("signing");
    components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
        StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
    )));
    components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    components.set_identity_cache(config.identity_cache());
    let signing = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);

    let prepared = prepared(question, more, place);
    let mut operation = Operation::builder()
        // The name is also that of the partition of retry tokens: accounts share none.
        .service_name(format!("{}/{}/{}", question.service, place.account, place.region))
        .operation_name(question.operation)
        .http_client(http)
        .endpoint_url(&endpoint)
        .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .runtime_plugin(signing);
    if let Some(retries) = config.retry_config() {
        operation = operation.standard_retry(retries);
    }
    if let Some(timeouts) = config.timeout_config() {
        operation = operation.timeout_config(timeouts.clone());
    }
    if let Some(sleep) = config.sleep_impl() {
        operation = operation.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        operation = operation.time_source(time);
    }
    let operation = operation.serializer(|prepared: Prepared| prepared.request()).deserializer(answer).build();
    let answered = operation.invoke(prepared).await;
    let answered = answered.map_err(|error| CallError::of(place, question.operation, &question.subject, error))?;
    // What the query protocol wraps its answers in.
    let wrapper = format!("{}Result", question.operation);
    Ok(match answered {
        Value::Object(mut map) if map.contains_key(&wrapper) => map.remove(&wrapper).unwrap_or_default(),
        other => other,
    })
}

/// A request before it is sent.
#[derive(Debug)]
struct Prepared {
    method: &'static str,
    uri: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Prepared {
    fn request(self) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method(self.method)?;
        request.set_uri(self.uri)?;
        for (name, value) in self.headers {
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }
}

fn prepared(question: &Question, more: &[(String, String)], place: &Place) -> Prepared {
    match &question.way {
        Way::Query { version, parameters } => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("Action", question.operation).append_pair("Version", version);
            form.extend_pairs(parameters.iter().chain(more));
            Prepared {
                method: "POST",
                uri: "/".to_owned(),
                headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
                body: form.finish(),
            }
        }
        Way::Json { target, body } => Prepared {
            method: "POST",
            uri: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", format!("{target}.{}", question.operation)),
            ],
            body: with(body, more).to_string(),
        },
        Way::Rest { path, body: Some(body) } => Prepared {
            method: "POST",
            uri: path.clone(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: with(body, more).to_string(),
        },
        Way::Rest { path, body: None } => {
            let mut uri = path.clone();
            for (key, value) in more {
                let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                uri.push_str(&format!("{}{key}={value}", if uri.contains('?') { '&' } else { '?' }));
            }
            let account = (question.service == "s3-control").then(|| ("x-amz-account-id", place.account.to_string()));
            Prepared { method: "GET", uri, headers: account.into_iter().collect(), body: String::new() }
        }
    }
}

fn with(body: &Value, more: &[(String, String)]) -> Value {
    let mut map = match body {
        Value::Object(map) => map.clone(),
        _ => Map::new(),
    };
    map.extend(more.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))));
    Value::Object(map)
}

/// An answer in JSON or XML, or the refusal.
fn answer(response: &HttpResponse) -> Result<Value, OrchestratorError<Refusal>> {
    let bytes = response.body().bytes().unwrap_or_default();
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    let parsed = match text.chars().next() {
        None => Some(Value::Object(Map::new())),
        Some('<') => xml::value(text),
        Some(_) => serde_json::from_str(text).ok(),
    };
    if response.status().is_success() {
        return parsed.ok_or_else(|| OrchestratorError::response("the answer is neither JSON nor XML".into()));
    }
    let header = response.headers().get("x-amzn-errortype");
    Err(OrchestratorError::operation(Refusal(refused(header, &parsed.unwrap_or_default()))))
}

/// Code and message of a refusal, in whatever protocol. Source: Smithy documentation, "AWS Protocols", errors.
fn refused(header: Option<&str>, body: &Value) -> ErrorMetadata {
    let text = |paths: &[&str]| {
        let told = paths.iter().find_map(|path| at(body, path).and_then(|value| value.as_str().map(str::to_owned)));
        told.filter(|text| !text.is_empty())
    };
    let code = header.map(str::to_owned);
    let code = code.or_else(|| text(&["__type", "code", "Code", "Error.Code", "Errors.Error.Code"]));
    let code =
        code.map(|code| code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned());
    let message = text(&["message", "Message", "errorMessage", "Error.Message", "Errors.Error.Message"]);
    let mut meta = ErrorMetadata::builder();
    if let Some(code) = code {
        meta = meta.code(code);
    }
    if let Some(message) = message {
        meta = meta.message(message);
    }
    meta.build()
}

/// Where a service listens, and for what its requests are signed.
struct Host {
    url: String,
    region: String,
    signing_name: &'static str,
}

impl Host {
    /// Source: AWS General Reference, "Service endpoints and quotas".
    fn of(service: &'static str, place: &Place) -> Self {
        let region = place.region.to_string();
        let suffix = if place.region.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let (prefix, signing_name) = match service {
            "s3-control" => (format!("{}.s3-control", place.account), "s3"),
            other => (other.to_owned(), other),
        };
        // Services of the whole partition live in one of its regions.
        let (url, region) = match (service, place.region.partition()) {
            ("iam", "aws-cn") => (format!("https://iam.cn-north-1.{suffix}"), "cn-north-1".to_owned()),
            ("route53", "aws-cn") => (format!("https://route53.{suffix}"), "cn-northwest-1".to_owned()),
            ("iam" | "route53", "aws-us-gov") => {
                (format!("https://{service}.us-gov.{suffix}"), "us-gov-west-1".to_owned())
            }
            ("iam" | "route53", _) => (format!("https://{service}.{suffix}"), "us-east-1".to_owned()),
            _ => (format!("https://{prefix}.{region}.{suffix}"), region),
        };
        Self { url, region, signing_name }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_text_that_holds_json() {
        let answer = json!({ "Policy": r#"{"Statement":[{"Sid":"a"}]}"#, "Plain": { "Name": "n" } });
        assert_eq!(at(&answer, "Policy.Statement").unwrap().as_ref(), &json!([{ "Sid": "a" }]));
        assert_eq!(at(&answer, "Plain.Name").unwrap().as_ref(), "n");
        assert_eq!(at(&answer, "").unwrap().as_ref(), &answer);
        assert!(at(&answer, "Plain.None").is_none() && at(&answer, "None.Name").is_none());
    }

    #[test]
    fn refusals_are_told_in_every_protocol() {
        let code = |header: Option<&str>, body: Value| refused(header, &body).code().map(str::to_owned);
        assert_eq!(
            code(Some("ResourceNotFoundException:http://x"), json!({})).as_deref(),
            Some("ResourceNotFoundException")
        );
        assert_eq!(code(None, json!({ "__type": "com.amazonaws#NotFound" })).as_deref(), Some("NotFound"));
        assert_eq!(code(None, json!({ "Error": { "Code": "Throttling" } })).as_deref(), Some("Throttling"));
        assert_eq!(
            code(None, json!({ "Code": "NoSuchWebsiteConfiguration" })).as_deref(),
            Some("NoSuchWebsiteConfiguration")
        );
        assert_eq!(
            code(None, json!({ "Errors": { "Error": { "Code": "UnauthorizedOperation" } } })).as_deref(),
            Some("UnauthorizedOperation")
        );
        assert_eq!(code(None, json!("")), None);
    }

    #[test]
    fn services_of_the_partition_have_one_host() {
        let place = |region: &str| Place { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() };
        let host = |service, region: &str| {
            let host = Host::of(service, &place(region));
            (host.url, host.region)
        };
        assert_eq!(
            host("sns", "eu-west-1"),
            ("https://sns.eu-west-1.amazonaws.com".to_owned(), "eu-west-1".to_owned())
        );
        assert_eq!(host("route53", "eu-west-1"), ("https://route53.amazonaws.com".to_owned(), "us-east-1".to_owned()));
        assert_eq!(host("iam", "cn-north-1").0, "https://iam.cn-north-1.amazonaws.com.cn");
        assert_eq!(host("s3-control", "eu-west-1").0, "https://111122223333.s3-control.eu-west-1.amazonaws.com");
    }
}
