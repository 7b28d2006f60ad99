//! The search domain over HTTP: OpenSearch's bulk, index template and lifecycle calls, signed for IAM or not.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::http::HttpClient;
use crate::bulk::indices::Wanted;
use crate::bulk::send::{NoAnswer, Search};
use crate::bulk::verdict::FILTER_PATH;
use crate::failure::Failure;
use crate::pace::Pace;

/// Longest that a request may take; the end of an invocation cuts it shorter.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How requests are signed.
#[derive(Debug, Clone)]
pub struct Signing {
    pub credentials: SharedCredentialsProvider,
    pub region: String,
}

/// One search domain.
#[derive(Debug, Clone)]
pub struct Domain {
    http: HttpClient,
    endpoint: String,
    signing: Option<Signing>,
}

impl Domain {
    /// The domain at `endpoint`, such as `https://vpc-acme.eu-west-1.es.amazonaws.com`. Without `signing` requests are
    /// sent as they are.
    pub fn new(endpoint: &str, signing: Option<Signing>) -> Self {
        Self { http: HttpClient::new(TIMEOUT), endpoint: endpoint.trim_end_matches('/').to_owned(), signing }
    }

    /// Sends one request. Status and body of the answer.
    ///
    /// # Errors
    /// There was no answer, or the request could not be signed.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(u16, Bytes), NoAnswer> {
        let uri = format!("{}{path}", self.endpoint);
        let mut builder = http::Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut request = builder.body(body).map_err(|error| NoAnswer(error.to_string()))?;
        if let Some(signing) = &self.signing {
            sign_request(signing, &mut request).await?;
        }
        self.http.send(request).await.map_err(|error| NoAnswer(error.to_string()))
    }
}

/// A domain in which the tenant's indices are made as they should be.
#[derive(Debug, Clone)]
pub struct Indices {
    domain: Domain,
    wanted: Arc<Wanted>,
    /// When the domain was last seen to have what is wanted.
    checked: Arc<Mutex<Option<Instant>>>,
}

impl Indices {
    /// The domain, and what its indices should be like.
    pub fn new(domain: Domain, wanted: Wanted) -> Self {
        Self { domain, wanted: Arc::new(wanted), checked: Arc::default() }
    }
}

/// How long it is taken for granted that nobody changed the domain's templates.
const CHECKED_FOR: Duration = Duration::from_secs(600);

impl Search for Indices {
    async fn bulk(&self, body: &[&[u8]]) -> Result<(u16, Bytes), NoAnswer> {
        let bytes: usize = body.iter().map(|part| part.len()).sum();
        // As much memory as most bodies take.
        let compressed = Vec::with_capacity(bytes / 6);
        let mut encoder = flate2::write::GzEncoder::new(compressed, flate2::Compression::fast());
        let written = body.iter().try_for_each(|part| encoder.write_all(part));
        let compressed = written.and_then(|()| encoder.finish()).map_err(|error| NoAnswer(error.to_string()))?;
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
        self.domain.call("POST", &format!("/_bulk?filter_path={FILTER_PATH}"), &headers, compressed).await
    }

    async fn prepare(&self, pace: Pace) -> Result<Option<String>, Failure> {
        let mut checked = self.checked.lock().await;
        if checked.is_some_and(|at| at.elapsed() < CHECKED_FOR) {
            return Ok(None);
        }
        let warning = match tokio::time::timeout_at(pace.until, self.wanted.set_up(&self.domain)).await {
            Ok(outcome) => outcome?,
            Err(_) => {
                return Err(Failure::Transient("the search domain did not take its index template in time".to_owned()));
            }
        };
        *checked = Some(Instant::now());
        Ok(warning)
    }
}

/// Signature version 4 for the service `es` (Amazon OpenSearch Service Developer Guide, "Signing HTTP requests").
async fn sign_request(signing: &Signing, request: &mut http::Request<Vec<u8>>) -> Result<(), NoAnswer> {
    let failed = |error: &dyn std::error::Error| {
        NoAnswer(format!("the request cannot be signed: {}", super::http::chain(error)))
    };
    let credentials = signing.credentials.provide_credentials().await.map_err(|error| failed(&error))?;
    let identity = Identity::from(credentials);
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&signing.region)
        .name("es")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| failed(&error))?;
    let headers: Vec<(&str, &str)> =
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let uri = request.uri().to_string();
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers.into_iter(), body);
    let signable = signable.map_err(|error| failed(&error))?;
    let (instructions, _) = sign(signable, &parameters.into()).map_err(|error| failed(&error))?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
