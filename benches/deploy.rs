//! What a no-op plan costs: calls, time beside what the rates of AWS allow at best, memory; and beside a loop over
//! stacks.
//!
//! Part one asks a simulated CloudFormation with a token bucket and pages of a hundred stacks. AWS documents no rate for
//! CloudFormation: the bucket is a tenth larger and faster than what Tenantry keeps to. Part two asks the local endpoint
//! beside it with the calls of a tool that goes through stacks one by one (status, then an update that finds nothing to
//! do, as `sceptre launch` does).
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench measures, prints and stops at what is wrong"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::BehaviorVersion;
use futures::{StreamExt, stream};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tenantry::cloud::rates::Rate;
use tenantry::cloud::{Access, Cloud, Family, Place};
use tenantry::deploy::apply::{Options, Tolerance, apply};
use tenantry::deploy::prepare::{Alarms, Pace, plan};
use tenantry::deploy::{Desired, Plan};
use tokio::net::TcpListener;

#[path = "../tests/endpoint/process.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod process;

const ACCOUNT: &str = "123456789012";
/// Stacks on a page of the simulation.
const PAGE: usize = 100;
/// Bytes of a tenant's template: about those of the real one.
const BODY_BYTES: usize = 60_000;
/// What an answer of the simulation takes at least.
const LATENCY: Duration = Duration::from_millis(30);
const PACE: Pace =
    Pace { poll: Duration::from_millis(100), deadline: Duration::from_secs(600), alarms: Alarms::Ignored };
/// What is measured in a process of its own, so that memory is its own too: `plan 100`.
const ROLE: &str = "TENANTRY_BENCH_ROLE";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match std::env::var(ROLE) {
        Ok(role) => runtime.block_on(measured(&role)),
        Err(_) => {
            simulated(&runtime);
            local();
        }
    }
}

/// Runs this program in a role, with an endpoint as AWS, and gives the numbers that it prints.
///
/// What is only set up (`deploy`) goes as fast as the endpoint allows; what is measured keeps to our rates.
fn child(role: &str, endpoint: &str) -> Vec<f64> {
    let factor = if role.starts_with("deploy") { "100" } else { "1" };
    let mut program = Command::new(std::env::current_exe().expect("this program"));
    let output = process::at_endpoint(&mut program, endpoint)
        .env(ROLE, role)
        .env("TENANTRY_RATE_FACTOR", factor)
        .stderr(Stdio::inherit())
        .output()
        .expect("a child");
    assert!(output.status.success(), "{role} failed");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

fn simulated(runtime: &tokio::runtime::Runtime) {
    println!(
        "No-op plan, simulated CloudFormation ({} pages of {PAGE} in a burst, then {} a second), {LATENCY:?} a call",
        allowed().burst,
        allowed().per_second
    );
    println!(
        "{:>8} {:>7} {:>13} {:>9} {:>9} {:>6} {:>9} {:>10}",
        "tenants", "calls", "calls/tenant", "throttled", "wall s", "ratio", "peak MiB", "KiB/tenant"
    );
    for tenants in [10, 100, 1_000, 10_000] {
        let simulation = runtime.block_on(Simulation::start(tenants));
        let [seconds, before_kib, peak_kib] = child(&format!("plan {tenants}"), &simulation.url)[..] else {
            panic!("three numbers");
        };
        let calls = simulation.counts.calls.load(Ordering::SeqCst);
        let bound = bound(tenants.div_ceil(PAGE));
        println!(
            "{tenants:>8} {calls:>7} {:>13.3} {:>9} {seconds:>9.2} {:>6.2} {:>9.0} {:>10.1}",
            calls as f64 / tenants as f64,
            simulation.counts.throttled.load(Ordering::SeqCst),
            seconds / bound,
            peak_kib / 1024.0,
            (peak_kib - before_kib) / tenants as f64
        );
    }
    println!("ratio: wall time over the least that the bucket and the latency of the calls, one after another, allow;");
    println!(
        "peak memory holds every tenant's template ({BODY_BYTES} bytes), KiB/tenant is what the plan adds to it\n"
    );
}

/// The bucket of the simulation.
fn allowed() -> Rate {
    let ours = Family::CloudFormationRead.ours();
    Rate { burst: ours.burst + ours.burst.div_ceil(10), per_second: ours.per_second * 1.1 }
}

/// The least seconds in which so many pages can be had: each is asked for after the one before, and the bucket refills.
fn bound(pages: usize) -> f64 {
    let rate = allowed();
    let latency = LATENCY.as_secs_f64() * (pages + 1) as f64;
    let refill = pages.saturating_sub(rate.burst as usize) as f64 / rate.per_second;
    latency.max(refill)
}

fn local() {
    println!("No-op plan, local endpoint, beside a loop over stacks (DescribeStacks, UpdateStack)");
    println!("{:>8} {:>12} {:>14} {:>16} {:>9}", "tenants", "plan s", "loop s", "loop s, 8 wide", "ratio");
    for tenants in [10, 100, 500] {
        let endpoint = process::Endpoint::start(0, &process::QUOTAS);
        child(&format!("deploy {tenants}"), &endpoint.url);
        let ours = child(&format!("noop {tenants}"), &endpoint.url)[0];
        let one_by_one = child(&format!("loop-1 {tenants}"), &endpoint.url)[0];
        let eight = child(&format!("loop-8 {tenants}"), &endpoint.url)[0];
        println!("{tenants:>8} {ours:>12.3} {one_by_one:>14.3} {eight:>16.3} {:>9.0}", one_by_one / ours);
    }
}

async fn measured(role: &str) {
    let (what, tenants) = role.split_once(' ').expect("a role and a number");
    let tenants: usize = tenants.parse().expect("a number");
    let place = Place { account: ACCOUNT.parse().expect("an account"), region: "eu-west-1".parse().expect("a region") };
    let small = what != "plan";
    let fleet: Vec<Desired> = (0..tenants).map(|number| desired(number, &place, small)).collect();
    if let Some(width) = what.strip_prefix("loop-") {
        let client = aws_sdk_cloudformation::Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
        let began = tokio::time::Instant::now();
        per_stack(&client, &fleet, width.parse().expect("a width")).await;
        return println!("{}", began.elapsed().as_secs_f64());
    }
    let cloud = Cloud::configure().await.unwrap();
    let (began, before) = (tokio::time::Instant::now(), memory("VmRSS"));
    let made = plan(&cloud, "v1", &fleet, PACE, 8).await;
    let seconds = began.elapsed().as_secs_f64();
    if what == "deploy" {
        return deploy(&cloud, &made, &fleet).await;
    }
    assert!(made.is_empty(), "{:#?} {:#?}", made.unseen.first(), made.work().next());
    println!("{seconds} {before} {}", memory("VmHWM"));
}

async fn deploy(cloud: &Cloud, made: &Plan, fleet: &[Desired]) {
    let options = Options { concurrency: 64, tolerance: Tolerance::Failures(1), pace: PACE, allow_replace: Vec::new() };
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let outcomes = apply(cloud, made, fleet, &options, stopped, &|_| {}).await.expect("a fresh plan");
    assert!(outcomes.values().all(|outcome| *outcome == tenantry::deploy::events::Outcome::Done), "{outcomes:?}");
}

/// What a tool does that knows one stack at a time.
async fn per_stack(client: &aws_sdk_cloudformation::Client, fleet: &[Desired], width: usize) {
    let stacks = fleet.iter().map(|desired| async move {
        client.describe_stacks().stack_name(&desired.stack).send().await.expect("the stack");
        let tags = desired.tags.iter();
        let tags = tags.map(|(key, value)| aws_sdk_cloudformation::types::Tag::builder().key(key).value(value).build());
        let update = client.update_stack().stack_name(&desired.stack).template_body(&desired.body);
        let answer = update.set_tags(Some(tags.collect())).send().await;
        let refusal = answer.expect_err("nothing to update").into_service_error().to_string();
        assert!(refusal.contains("No updates") || refusal.contains("ValidationError"), "{refusal}");
    });
    stream::iter(stacks).buffer_unordered(width).collect::<Vec<()>>().await;
}

fn desired(number: usize, place: &Place, small: bool) -> Desired {
    let tenant = format!("t{number:05}");
    let name = format!("/bench/{tenant}");
    let properties = serde_json::json!({ "Name": name, "Type": "String", "Value": "1" });
    let template = serde_json::json!({
        "Resources": { "R": { "Type": "AWS::SSM::Parameter", "Properties": properties } },
        "Outputs": { "TenantryRelease": { "Value": "v1" }, "TenantryDigest": { "Value": "d" } },
    });
    let mut body = template.to_string();
    if !small {
        body.push_str(&" ".repeat(BODY_BYTES - body.len()));
    }
    Desired {
        stack: format!("org-{tenant}"),
        tags: BTreeMap::from([("tenantry:tenant".to_owned(), tenant.clone())]),
        tenant,
        ring: None,
        place: place.clone(),
        access: Access::default(),
        body,
        digest: "d".to_owned(),
        release: "v1".to_owned(),
        artifacts: None,
        uploads: Vec::new(),
        offboarded: false,
        control_plane: 0,
        rollback_triggers: Vec::new(),
    }
}

/// A line of this process's status, in KiB.
fn memory(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.split_whitespace().nth(1)?.parse().ok());
    found.unwrap_or(f64::NAN)
}

#[derive(Default)]
struct Counts {
    calls: AtomicUsize,
    throttled: AtomicUsize,
}

/// A CloudFormation with so many stacks, all of them as they should be.
struct Simulation {
    url: String,
    counts: Arc<Counts>,
}

impl Simulation {
    async fn start(stacks: usize) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let rate = allowed();
        let number = |number: u32| NonZeroU32::new(number).expect("a rate");
        let quota = Quota::with_period(Duration::from_secs_f64(1.0 / rate.per_second)).expect("a rate");
        let quota = quota.allow_burst(number(rate.burst));
        let (counts, bucket) = (Arc::new(Counts::default()), Arc::new(RateLimiter::direct(quota)));
        let kept = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a socket");
                let (counts, bucket) = (Arc::clone(&kept), Arc::clone(&bucket));
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|request| answer(request, stacks, &counts, &bucket));
                    let served = hyper::server::conn::http1::Builder::new();
                    // A client that goes away ends its connection.
                    drop(served.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { url, counts }
    }
}

async fn answer(
    request: Request<Incoming>,
    stacks: usize,
    counts: &Counts,
    bucket: &DefaultDirectRateLimiter,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let form = String::from_utf8_lossy(&body).into_owned();
    let field = |name: &str| form.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    counts.calls.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(LATENCY).await;
    let (status, xml) = match field("Action") {
        Some("GetCallerIdentity") => (200, wrapped("GetCallerIdentity", &format!("<Account>{ACCOUNT}</Account>"))),
        Some("DescribeStacks") if bucket.check().is_err() => {
            counts.throttled.fetch_add(1, Ordering::SeqCst);
            let error = "<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>";
            (400, format!("<ErrorResponse>{error}</ErrorResponse>"))
        }
        Some("DescribeStacks") => {
            let first = field("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
            (200, wrapped("DescribeStacks", &page(first, stacks)))
        }
        other => panic!("a no-op plan asks for {other:?}"),
    };
    let answer = Response::builder().status(status).header("content-type", "text/xml");
    Ok(answer.body(Full::new(Bytes::from(xml))).expect("an answer"))
}

fn wrapped(operation: &str, inner: &str) -> String {
    format!("<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>")
}

fn page(first: usize, stacks: usize) -> String {
    let last = (first + PAGE).min(stacks);
    let member = |number: usize| {
        format!(
            "<member><StackId>arn:{number}</StackId><StackName>org-t{number:05}</StackName>\
             <StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
             <EnableTerminationProtection>true</EnableTerminationProtection><Outputs>\
             <member><OutputKey>TenantryDigest</OutputKey><OutputValue>d</OutputValue></member>\
             <member><OutputKey>TenantryRelease</OutputKey><OutputValue>v1</OutputValue></member></Outputs>\
             <Tags><member><Key>tenantry:tenant</Key><Value>t{number:05}</Value></member></Tags></member>"
        )
    };
    let next = if last < stacks { format!("<NextToken>{last}</NextToken>") } else { String::new() };
    format!("<Stacks>{}</Stacks>{next}", (first..last).map(member).collect::<String>())
}
