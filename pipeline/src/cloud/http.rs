//! Plain HTTP requests over the TLS stack that the SDK uses.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

const TLS: Provider = Provider::Rustls(CryptoMode::Ring);

/// The SDK's HTTP client.
pub fn for_sdk() -> SharedHttpClient {
    Builder::new().tls_provider(TLS).build_https()
}

/// A client with a timeout for each request.
#[derive(Debug, Clone)]
pub struct HttpClient {
    connector: Arc<Connector>,
    timeout: Duration,
}

/// There was no whole answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("request to `{uri}`: {cause}")]
pub struct HttpError {
    pub uri: String,
    pub cause: String,
}

impl HttpClient {
    /// A client whose requests are given up after `timeout`.
    pub fn new(timeout: Duration) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(3).min(timeout)).build();
        let connector = Connector::builder().connector_settings(settings).tls_provider(TLS).build();
        Self { connector: Arc::new(connector), timeout }
    }

    /// Sends a request. Status and body of the answer.
    ///
    /// # Errors
    /// The server could not be reached, or did not answer in time.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Result<(u16, Bytes), HttpError> {
        let uri = request.uri().to_string();
        let failed = |cause: String| HttpError { uri: uri.clone(), cause };
        let request = HttpRequest::try_from(request.map(SdkBody::from)).map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let response = self.connector.call(request).await.map_err(|error| failed(chain(&error)))?;
            let status = response.status().as_u16();
            let collected = aws_smithy_types::byte_stream::ByteStream::new(response.into_body()).collect().await;
            let body = collected.map_err(|error| failed(chain(&error)))?.into_bytes();
            Ok((status, body))
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failed(format!("no answer within {} s", self.timeout.as_secs()))),
        }
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
