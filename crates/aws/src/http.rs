//! Plain HTTP to what is not AWS: registries of images and the paging service. It takes the SDK's client, so that proxies,
//! certificate authorities and time limits are the same.

use std::fmt;
use std::time::Duration;

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use url::Url;

use crate::cloud::{http_client, with_causes};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header `WWW-Authenticate`.
    pub(crate) challenge: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// No status is an error here: what it means, the caller knows.
#[derive(Debug)]
struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for Never {}

/// Asks once for what is at a URL.
///
/// # Errors
/// Why there was no answer.
pub(crate) async fn get(url: &Url, headers: Vec<(&'static str, String)>) -> Result<Answer, String> {
    let uri = url[url::Position::BeforePath..].to_owned();
    let operation = Operation::builder()
        .service_name("http")
        .operation_name("Get")
        .http_client(http_client())
        .endpoint_url(&url[..url::Position::BeforePath])
        .no_auth()
        .no_retry()
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .timeout_config(TimeoutConfig::builder().connect_timeout(TIMEOUT).operation_timeout(TIMEOUT).build())
        .serializer(move |(uri, headers): (String, Vec<(&'static str, String)>)| {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_method("GET")?;
            request.set_uri(uri)?;
            for (name, value) in headers {
                request.headers_mut().try_insert(name, value)?;
            }
            Ok(request)
        })
        .deserializer(answer)
        .build();
    let answered = operation.invoke((uri, headers)).await;
    answered.map_err(|error: SdkError<Never, HttpResponse>| with_causes(&error))
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Never>> {
    Ok(Answer {
        status: response.status().as_u16(),
        challenge: response.headers().get("www-authenticate").map(str::to_owned),
        body: response.body().bytes().unwrap_or_default().to_vec(),
    })
}
