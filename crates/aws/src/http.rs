//! Plain HTTP to what is not AWS: registries of images, the paging service and downloads. It takes the SDK's client, so that
//! proxies, certificate authorities and time limits are the same.

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
/// How long one download may take.
const DOWNLOAD: Duration = Duration::from_secs(300);
/// Redirections that are followed: a release's file is one away.
const MOST_REDIRECTIONS: usize = 5;

/// What a server answers. No status is an error here: what it means, the caller knows.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header `WWW-Authenticate`.
    pub(crate) challenge: Option<String>,
    location: Option<String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for Never {}

/// Why a file was not downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("`{0}` is not a URL")]
    Url(String),
    #[error("{host} is out of reach: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} answers HTTP {status}")]
    Status { host: String, status: u16 },
    #[error("{host} redirects too often, or to no URL")]
    Redirections { host: String },
}

/// Downloads a file, through the proxy of the environment. From `https`, only `https` is followed.
///
/// # Errors
/// The server is out of reach, or has no such file.
pub async fn download(url: &str) -> Result<Vec<u8>, DownloadError> {
    let mut at: Url = url.parse().map_err(|_| DownloadError::Url(url.to_owned()))?;
    for _ in 0..=MOST_REDIRECTIONS {
        let host = at.authority().to_owned();
        let answer = get_within(DOWNLOAD, &at, Vec::new()).await;
        let answer = answer.map_err(|why| DownloadError::Unreachable { host: host.clone(), why })?;
        match answer.status {
            200 => return Ok(answer.body),
            301 | 302 | 303 | 307 | 308 => {
                let next = answer.location.and_then(|to| at.join(&to).ok());
                let is_safe = |next: &Url| next.scheme() == "https" || at.scheme() == "http";
                at = next.filter(is_safe).ok_or(DownloadError::Redirections { host })?;
            }
            status => return Err(DownloadError::Status { host, status }),
        }
    }
    Err(DownloadError::Redirections { host: at.authority().to_owned() })
}

/// Asks once for what is at a URL.
///
/// # Errors
/// Why there was no answer.
pub(crate) async fn get(url: &Url, headers: Vec<(&'static str, String)>) -> Result<Answer, String> {
    get_within(TIMEOUT, url, headers).await
}

async fn get_within(within: Duration, url: &Url, headers: Vec<(&'static str, String)>) -> Result<Answer, String> {
    let uri = url[url::Position::BeforePath..].to_owned();
    let operation = Operation::builder()
        .service_name("http")
        .operation_name("Get")
        .http_client(http_client())
        .endpoint_url(&url[..url::Position::BeforePath])
        .no_auth()
        .no_retry()
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .timeout_config(TimeoutConfig::builder().connect_timeout(within).operation_timeout(within).build())
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
    operation.invoke((uri, headers)).await.map_err(|error: SdkError<Never, HttpResponse>| with_causes(&error))
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Never>> {
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    Ok(Answer {
        status: response.status().as_u16(),
        challenge: header("www-authenticate"),
        location: header("location"),
        body: response.body().bytes().unwrap_or_default().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn a_file_is_downloaded_over_a_redirection_and_a_status_is_an_error() {
        let server = MockServer::start().await;
        let moved = ResponseTemplate::new(302).insert_header("location", "/there/a.zip");
        Mock::given(path("/here/a.zip")).respond_with(moved).mount(&server).await;
        let found = ResponseTemplate::new(200).set_body_bytes(b"zip".to_vec());
        Mock::given(path("/there/a.zip")).respond_with(found).mount(&server).await;
        let endless = ResponseTemplate::new(302).insert_header("location", "/loop");
        Mock::given(path("/loop")).respond_with(endless).mount(&server).await;
        let at = |path: &str| format!("{}{path}", server.uri());
        assert_eq!(download(&at("/here/a.zip")).await.unwrap(), b"zip");
        assert!(matches!(download(&at("/none")).await, Err(DownloadError::Status { status: 404, .. })));
        assert!(matches!(download(&at("/loop")).await, Err(DownloadError::Redirections { .. })));
        assert!(matches!(download("zips").await, Err(DownloadError::Url(_))));
    }
}
