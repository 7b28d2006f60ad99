//! Counts the calls that pass to an endpoint, by service.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Calls by service, as their signatures name it.
pub(crate) type Counts = BTreeMap<String, usize>;

/// A proxy on loopback.
pub(crate) struct Proxy {
    pub(crate) url: String,
    counts: Arc<Mutex<Counts>>,
}

impl Proxy {
    /// Passes everything on to `to`, `http://127.0.0.1:4566`.
    pub(crate) async fn start(to: &str) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let counts: Arc<Mutex<Counts>> = Arc::default();
        let (shared, to) = (Arc::clone(&counts), to.to_owned());
        tokio::spawn(async move {
            let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
            while let Ok((stream, _)) = listener.accept().await {
                let (client, counts, to) = (client.clone(), Arc::clone(&shared), to.clone());
                tokio::spawn(async move {
                    let serve = hyper::service::service_fn(|request| pass(client.clone(), &counts, &to, request));
                    // A client that goes away ends its connection.
                    let _ =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        });
        Self { url, counts }
    }

    /// The counts since they were last taken.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock().expect("counts"))
    }
}

async fn pass(
    client: Client<HttpConnector, Full<Bytes>>,
    counts: &Mutex<Counts>,
    to: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (mut parts, body) = request.into_parts();
    let scope = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
    let service = scope.split('/').nth(3).unwrap_or("unsigned").to_owned();
    *counts.lock().expect("counts").entry(service).or_default() += 1;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("{to}{path}").parse().expect("an address");
    let body = Full::new(body.collect().await?.to_bytes());
    let answer = match client.request(Request::from_parts(parts, body)).await {
        Ok(answer) => answer,
        Err(error) => {
            let mut answer = Response::new(Full::new(Bytes::from(error.to_string())));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            return Ok(answer);
        }
    };
    let (parts, body) = answer.into_parts();
    Ok(Response::from_parts(parts, Full::new(body.collect().await?.to_bytes())))
}
