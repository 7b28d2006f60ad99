//! Every request that a session sends, reported to whoever watches: what `--verbose` prints and `--log` writes.
//!
//! A record names the operation, and nothing that a request carries: no header, no body, no query.

use std::fmt;
use std::sync::OnceLock;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::Place;

/// One request, which is one attempt at a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Call {
    /// When the request was sent.
    #[schemars(with = "tenantry_base::schema::Instant")]
    pub at: Timestamp,
    /// Account ID of the session, 12 digits.
    pub account: String,
    /// Region for which the request was signed.
    pub region: String,
    /// Name of the service in the request's signature, such as `cloudformation`.
    pub service: String,
    /// Operation, such as `DescribeStacks`; for REST services method and path, such as `GET /2015-03-31/functions`.
    pub operation: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// HTTP status of the response; null if there was none.
    pub status: Option<u16>,
    /// Time from sending the request to the end of the response or the error.
    pub milliseconds: u64,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, account, region, service, operation, attempt, milliseconds, .. } = self;
        write!(f, "{at:.3} {account} {region} {service} {operation}: ")?;
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => write!(f, "no answer")?,
        }
        write!(f, " in {milliseconds} ms")?;
        if *attempt > 1 { write!(f, ", attempt {attempt}") } else { Ok(()) }
    }
}

type Observer = Box<dyn Fn(&Call) + Send + Sync>;

static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// Tells every call of this process to an observer, from the sessions that are opened after it. The first stays.
pub fn observe(observer: impl Fn(&Call) + Send + Sync + 'static) {
    OBSERVER.get_or_init(|| Box::new(observer));
}

/// The client whose calls are reported, if anybody watches.
pub(super) fn observed(client: SharedHttpClient, place: &Place) -> SharedHttpClient {
    match OBSERVER.get() {
        Some(observer) => SharedHttpClient::new(Observed { client, place: place.clone(), observer }),
        None => client,
    }
}

#[derive(Clone)]
struct Observed<T> {
    client: T,
    place: Place,
    observer: &'static Observer,
}

impl<T: fmt::Debug> fmt::Debug for Observed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("client", &self.client).field("place", &self.place).finish_non_exhaustive()
    }
}

impl HttpClient for Observed<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let client = self.client.http_connector(settings, components);
        SharedHttpConnector::new(Observed { client, place: self.place.clone(), observer: self.observer })
    }
}

impl HttpConnector for Observed<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (region, service) = scope(&request).unwrap_or_else(|| (self.place.region.to_string(), "?".to_owned()));
        let mut call = Call {
            at: Timestamp::now(),
            account: self.place.account.to_string(),
            region,
            service,
            operation: operation(&request),
            attempt: attempt(&request),
            status: None,
            milliseconds: 0,
        };
        let (answer, observer) = (self.client.call(request), self.observer);
        HttpConnectorFuture::new(async move {
            let began = tokio::time::Instant::now();
            let answer = answer.await;
            call.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            call.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            observer(&call);
            answer
        })
    }
}

/// Region and service for which a request is signed. Source: AWS General Reference, "Signature Version 4", credential scope.
fn scope(request: &HttpRequest) -> Option<(String, String)> {
    let signed = request.headers().get("authorization")?.split_once("Credential=")?.1;
    let mut parts = signed.split(',').next()?.split('/').skip(2);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

/// The name of the operation, where the protocol has it. Source: Smithy documentation, "AWS Protocols".
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let path = request.uri().split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    if let Some((_, operation)) = path.rsplit_once("/operation/") {
        return operation.to_owned();
    }
    let form = request.body().bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    match form.split('&').find_map(|field| field.strip_prefix("Action=")) {
        Some(action) if path == "/" => action.to_owned(),
        _ => format!("{} {path}", request.method()),
    }
}

/// Which attempt a request is, as the SDK says in a header of its own: `attempt=2; max=5`.
fn attempt(request: &HttpRequest) -> u32 {
    let said = request.headers().get("amz-sdk-request").and_then(|said| said.split(';').next());
    said.and_then(|said| said.trim().strip_prefix("attempt=")).and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn request(uri: &str, headers: &[(&'static str, &str)], body: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body.to_owned()));
        request.set_uri(uri.to_owned()).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, (*value).to_owned());
        }
        request
    }

    #[test]
    fn an_operation_is_named_whatever_the_protocol_and_nothing_else_is() {
        let cases = [
            ("https://sqs.example.com/", &[("x-amz-target", "AmazonSQS.GetQueueUrl")][..], "{}", "GetQueueUrl"),
            ("https://a.example.com/", &[], "Action=DescribeStacks&Version=2010-05-15", "DescribeStacks"),
            ("https://a.example.com/service/X/operation/GetMetricData", &[], "", "GetMetricData"),
            ("https://a.example.com/2015-03-31/functions?Marker=secret", &[], "", "GET /2015-03-31/functions"),
            ("https://a.example.com", &[], "", "GET /"),
            ("https://a.example.com/bucket/key", &[], "x&Action=no", "GET /bucket/key"),
        ];
        for (uri, headers, body, wanted) in cases {
            assert_eq!(operation(&request(uri, headers, body)), wanted);
        }
    }

    #[test]
    fn region_service_and_attempt_are_read_from_the_headers() {
        let signed =
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261130/eu-west-1/iam/aws4_request, SignedHeaders=a, Signature=b";
        let headers = [("authorization", signed), ("amz-sdk-request", "attempt=2; max=5")];
        let request = request("https://a.example.com/", &headers, "");
        assert_eq!(scope(&request), Some(("eu-west-1".to_owned(), "iam".to_owned())));
        assert_eq!(attempt(&request), 2);
    }
}
