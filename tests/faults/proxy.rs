//! A proxy in front of the endpoint that spoils a share of the calls, and counts them all.
//!
//! Which calls are spoilt, and how, follows from a seed and the order of the calls.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Throttled,
    /// 500 or 503 without the call having been made.
    Unavailable,
    /// The connection is reset before the endpoint sees the call.
    ResetBefore,
    /// The endpoint acts, then the connection is reset.
    ResetAfter,
    /// The endpoint acts; the answer takes its time.
    Slow,
    /// The endpoint acts; half of its answer arrives.
    Cut,
    Expired,
    /// This status and code, without the call having been made.
    Refused(u16, &'static str),
}

/// All of them, as often as one another.
pub(super) const EVERY: [Fault; 7] = [
    Fault::Throttled,
    Fault::Unavailable,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::Slow,
    Fault::Cut,
    Fault::Expired,
];

/// What is spoilt: a share of the calls after the first `spared`, and only while calls of `operation` are meant.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    pub seed: u64,
    /// Per mille of calls.
    pub share: u64,
    pub faults: Vec<Fault>,
    pub spared: usize,
    /// Part of an operation's name; empty for every operation.
    pub operation: &'static str,
}

impl Weather {
    pub(super) fn fair() -> Self {
        Self { seed: 0, share: 0, faults: EVERY.to_vec(), spared: 0, operation: "" }
    }

    fn fault(&self, number: usize, operation: &str) -> Option<Fault> {
        let number = number.checked_sub(self.spared)?;
        if !operation.contains(self.operation) {
            return None;
        }
        let drawn = mixed(self.seed, number as u64);
        let which = mixed(drawn, 1) as usize % self.faults.len();
        (drawn % 1000 < self.share).then(|| self.faults[which])
    }
}

/// A number that follows from two others and looks as if it did not (the finaliser of SplitMix64).
pub(super) fn mixed(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

type Forward = Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

struct Shared {
    endpoint: String,
    forward: Forward,
    weather: Mutex<Weather>,
    calls: AtomicUsize,
    spoilt: AtomicU64,
    counts: Mutex<BTreeMap<String, usize>>,
}

/// A running proxy.
pub(super) struct Proxy {
    pub url: String,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    pub(super) fn start(endpoint: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            endpoint: endpoint.to_owned(),
            forward: Client::builder(TokioExecutor::new()).build_http(),
            weather: Mutex::new(Weather::fair()),
            calls: AtomicUsize::new(0),
            spoilt: AtomicU64::new(0),
            counts: Mutex::default(),
        });
        let kept = Arc::clone(&shared);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { url, shared, _runtime: runtime }
    }

    /// Changes the weather; calls are counted from here.
    pub(super) fn set(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap() = weather;
        self.shared.calls.store(0, Ordering::SeqCst);
        self.shared.spoilt.store(0, Ordering::SeqCst);
        self.shared.counts.lock().unwrap().clear();
    }

    /// Calls since the weather changed, and how many of them were spoilt.
    pub(super) fn calls(&self) -> (usize, u64) {
        (self.shared.calls.load(Ordering::SeqCst), self.shared.spoilt.load(Ordering::SeqCst))
    }

    /// Calls since the weather changed whose operation has this in its name.
    pub(super) fn count(&self, operation: &str) -> usize {
        let counts = self.shared.counts.lock().unwrap();
        counts.iter().filter(|(name, _)| name.contains(operation)).map(|(_, count)| count).sum()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let reset = Arc::new(AtomicBool::new(false));
    let service = hyper::service::service_fn(|request| respond(request, Arc::clone(&shared), Arc::clone(&reset)));
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(&mut stream), service);
    // However it ended: the client sees it.
    let _ended = served.await;
    if reset.load(Ordering::SeqCst) {
        stream.set_zero_linger().unwrap();
    }
}

/// The connection is given up under the caller.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Gone {}

type Body = http_body_util::combinators::BoxBody<Bytes, Gone>;

fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed()
}

async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    reset: Arc<AtomicBool>,
) -> Result<Response<Body>, Gone> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
    let operation = operation(&parts, &body);
    let kind = match parts.headers.get("smithy-protocol") {
        Some(_) => Wire::Cbor,
        None if operation.starts_with("s3 ") => Wire::S3,
        None => Wire::Query,
    };
    *shared.counts.lock().unwrap().entry(operation.clone()).or_default() += 1;
    let number = shared.calls.fetch_add(1, Ordering::SeqCst);
    let fault = shared.weather.lock().unwrap().fault(number, &operation);
    if fault.is_some() {
        shared.spoilt.fetch_add(1, Ordering::SeqCst);
    }
    match fault {
        Some(Fault::Throttled) => return Ok(refusal(if kind == Wire::S3 { 503 } else { 400 }, "Throttling", kind)),
        Some(Fault::Unavailable) => return Ok(refusal(503, "ServiceUnavailable", kind)),
        Some(Fault::Expired) => return Ok(refusal(403, "ExpiredToken", kind)),
        Some(Fault::Refused(status, code)) => return Ok(refusal(status, code, kind)),
        Some(Fault::ResetBefore) => {
            reset.store(true, Ordering::SeqCst);
            return Err(Gone);
        }
        _ => {}
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut forwarded = Request::builder().method(parts.method).uri(format!("{}{path}", shared.endpoint));
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != TRANSFER_ENCODING && *name != CONTENT_LENGTH)
    {
        forwarded = forwarded.header(name, value);
    }
    let answer = shared.forward.request(forwarded.body(Full::new(body)).unwrap()).await.map_err(|_| Gone)?;
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
    match fault {
        Some(Fault::ResetAfter) => {
            reset.store(true, Ordering::SeqCst);
            Err(Gone)
        }
        Some(Fault::Slow) => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(Response::from_parts(parts, whole(body)))
        }
        Some(Fault::Cut) if !body.is_empty() => {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
            let half = body.slice(..body.len() / 2);
            let frames = futures::stream::iter([Ok(Frame::data(half)), Err(Gone)]);
            Ok(Response::from_parts(parts, http_body_util::BodyExt::boxed(http_body_util::StreamBody::new(frames))))
        }
        _ => Ok(Response::from_parts(parts, whole(body))),
    }
}

/// `cloudformation DescribeStacks`, or `s3 PUT /bucket/key`.
fn operation(parts: &hyper::http::request::Parts, body: &[u8]) -> String {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let service = header("authorization").split('/').nth(3).unwrap_or("none").to_owned();
    let form = String::from_utf8_lossy(body);
    let action = form.split('&').find_map(|field| field.strip_prefix("Action="));
    let target = header("x-amz-target");
    match action {
        Some(action) => format!("{service} {action}"),
        None if !target.is_empty() => format!("{service} {target}"),
        None => format!("{service} {} {}", parts.method, parts.uri.path()),
    }
}

/// How a service words its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Query,
    S3,
    Cbor,
}

fn refusal(status: u16, code: &str, wire: Wire) -> Response<Body> {
    let code = if wire == Wire::S3 && code == "Throttling" { "SlowDown" } else { code };
    let error = format!("<Error><Code>{code}</Code><Message>spoilt</Message></Error>");
    let answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
    match wire {
        Wire::S3 => answer.header(CONTENT_TYPE, "text/xml").body(whole(error)).unwrap(),
        Wire::Query => answer
            .header(CONTENT_TYPE, "text/xml")
            .body(whole(format!("<ErrorResponse>{error}</ErrorResponse>")))
            .unwrap(),
        Wire::Cbor => {
            // A map of two texts, each shorter than 256 bytes. RFC 8949, "Concise Binary Object Representation".
            let text = |text: &str| [&[0x78, text.len() as u8], text.as_bytes()].concat();
            let map = [vec![0xa2], text("__type"), text(code), text("message"), text("spoilt")].concat();
            let answer = answer.header("smithy-protocol", "rpc-v2-cbor").header(CONTENT_TYPE, "application/cbor");
            answer.body(whole(map)).unwrap()
        }
    }
}
