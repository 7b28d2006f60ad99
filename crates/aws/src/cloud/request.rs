//! Signed requests without a crate of the SDK: what `cloud::reads` asks, on the wire.
//!
//! Signing, credentials, retries and their partitions, time limits, the correction of clocks and the headers are those
//! of the SDK's own clients; rates are ours, as for every other call.

use std::fmt;

use aws_config::BehaviorVersion;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_sdk_cloudformation::config::SharedHttpClient;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::stalled_stream_protection::StalledStreamProtectionInterceptor;
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

use super::hosts::{self, Host};
use super::reads::{Question, Way, at};
use super::{CallError, Cause, Place, Session, xml};

/// What a service answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Value,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// The value of a header, named in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
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

/// Sends a question, with the parameters that ask for its next page.
pub(super) async fn send(
    session: &Session,
    question: &Question,
    more: &[(String, String)],
) -> Result<Answer, CallError> {
    let config = &session.reader.config;
    let place = &session.place;
    let missing = |field| CallError::because(place, question.operation, &question.subject, Cause::Missing { field });
    let host = Host::of(question.service, place, config);
    let http: SharedHttpClient = config.http_client().ok_or_else(|| missing("HTTP client"))?;
    let credentials = config.credentials_provider().ok_or_else(|| missing("credentials"))?;

    let mut layer = Layer::new("signing");
    let mut options = SigningOptions::default();
    if host.signing_name == "s3" {
        // Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header".
        (options.content_sha256_header, options.double_uri_encode, options.normalize_uri_path) = (true, false, false);
    }
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(ApiMetadata::new(hosts::sdk_name(question.service), env!("CARGO_PKG_VERSION")));
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
    components.push_interceptor(StalledStreamProtectionInterceptor::default());
    components.push_interceptor(ServiceClockSkewInterceptor::new());
    components.push_interceptor(RequestInfoInterceptor::new());
    components.push_interceptor(UserAgentInterceptor::new());
    components.push_interceptor(InvocationIdInterceptor::new());
    let signing = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);

    let prepared = prepared(question, more, place);
    let mut operation = Operation::builder()
        // The name is also that of the partition of retry tokens: accounts share none.
        .service_name(format!("{}/{}/{}", question.service, place.account, place.region))
        .operation_name(question.operation)
        .http_client(http)
        .behavior_version(config.behavior_version().unwrap_or_else(BehaviorVersion::latest))
        .endpoint_url(&host.url)
        .with_connection_poisoning()
        .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(ServiceClockSkewClassifier::<Refusal>::new())
        .runtime_plugin(signing);
    if let Some(retries) = config.retry_config() {
        operation = operation.standard_retry(retries);
    }
    if let Some(timeouts) = config.timeout_config() {
        operation = operation.timeout_config(timeouts.clone());
    }
    if let Some(protection) = config.stalled_stream_protection() {
        operation = operation.stalled_stream_protection(protection);
    }
    if let Some(sleep) = config.sleep_impl() {
        operation = operation.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        operation = operation.time_source(time);
    }
    let operation = operation.serializer(|prepared: Prepared| prepared.request()).deserializer(answer).build();
    let answered = operation.invoke(prepared).await;
    let mut answer = answered.map_err(|error| CallError::of(place, question.operation, &question.subject, error))?;
    // What the query protocol wraps its answers in.
    if let Some(inner) = answer.body.get_mut(format!("{}Result", question.operation)) {
        answer.body = inner.take();
    }
    Ok(answer)
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
                ("content-type", format!("application/x-amz-json-{}", hosts::json_version(question.service))),
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
        Way::Sent { method, path, headers, body } => {
            let mut headers = headers.clone();
            if body.is_some() && headers.iter().all(|(name, _)| *name != "content-type") {
                headers.push(("content-type", "application/json".to_owned()));
            }
            let body = body.as_ref().map(Value::to_string).unwrap_or_default();
            Prepared { method, uri: path.clone(), headers, body }
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
fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refusal>> {
    let bytes = response.body().bytes().unwrap_or_default();
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    let parsed = match text.chars().next() {
        None => Some(Value::Object(Map::new())),
        Some('<') => xml::value(text),
        Some(_) => serde_json::from_str(text).ok(),
    };
    if response.status().is_success() {
        let unreadable = || OrchestratorError::response("the answer is neither JSON nor XML".into());
        let headers = response.headers().iter().map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        return Ok(Answer { body: parsed.ok_or_else(unreadable)?, headers });
    }
    let header = response.headers().get("x-amzn-errortype");
    Err(OrchestratorError::operation(Refusal(refused(header, &parsed.unwrap_or_default()))))
}

/// Code and message of a refusal, in whatever protocol. Source: Smithy documentation, "AWS Protocols", errors.
fn refused(header: Option<&str>, body: &Value) -> ErrorMetadata {
    let text = |paths: &[&str]| {
        let reported = paths.iter().find_map(|path| at(body, path).and_then(|value| value.as_str().map(str::to_owned)));
        reported.filter(|text| !text.is_empty())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_are_reported_in_every_protocol() {
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
}
