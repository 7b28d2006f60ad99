//! What a drift check costs: calls, time and memory, beside a loop that checks one stack after another.
//!
//! Both ask the local endpoint through a proxy that counts. The loop makes the same comparison for each stack by itself, as
//! a tool without a view of the fleet has to; of a large fleet it goes through ten stacks, and the rest is reckoned.
//! `DRIFT_BENCH_TENANTS=10,100,500` chooses the sizes, none of them skips it; `DRIFT_BENCH_SIMULATED=10,100` those of
//! the simulation, and `DRIFT_BENCH_ACCOUNTS=1` how many of its accounts are asked.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at the first thing that fails, and prints its numbers"
)]

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use proxy::{Counts, Proxy};

#[path = "../../tests/endpoint/artifacts.rs"]
mod artifacts;
#[path = "../../tests/drift/fleet.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fleet;
#[path = "../../tests/endpoint/process.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod process;
mod proxy;
mod simulation;
#[path = "../../tests/release/small.rs"]
mod small;

use fleet::Fleet;
use tenantry::cloud::Cloud;
use tenantry::deploy::prepare::{Alarms, Pace};
use tenantry::drift::DriftStatus;
use tenantry::drift::check::{Options, check};

/// Accounts of which the simulation answers. They share no rate and are asked at the same time: each takes as long as all
/// ten, and a slow machine can answer for a few.
fn accounts() -> usize {
    let said = std::env::var("DRIFT_BENCH_ACCOUNTS").ok().and_then(|text| text.parse().ok());
    said.unwrap_or(simulation::ACCOUNTS).clamp(1, simulation::ACCOUNTS)
}

/// What is measured in a process of its own, so that memory is its own too: the number of tenants.
const ROLE: &str = "DRIFT_BENCH_ROLE";

fn main() {
    if let Ok(tenants) = std::env::var(ROLE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(whole_fleet(tenants.parse().expect("a number of tenants")));
        return;
    }
    simulated();
    if std::env::var("DRIFT_BENCH_TENANTS").as_deref() != Ok("") {
        local();
    }
}

/// Checks the simulated fleet, and prints the seconds that it took and the peak of memory, in KiB.
async fn whole_fleet(tenants: usize) {
    let fleet = simulation::fleet(tenants, accounts());
    let pace = Pace { poll: Duration::from_secs(3), deadline: Duration::from_secs(3_600), alarms: Alarms::Ignored };
    let began = tokio::time::Instant::now();
    let options = Options { pace, concurrency: 8, lookups: 0 };
    let drifts = check(&Cloud::configure().await.unwrap(), &fleet, &options, &|_| {}).await;
    let seconds = began.elapsed().as_secs_f64();
    let bad = drifts.iter().find(|drift| drift.verdict != DriftStatus::InSync);
    assert!(bad.is_none(), "{bad:#?}");
    let status = std::fs::read_to_string("/proc/self/status").expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0").trim();
    println!("{seconds} {}", peak.split(' ').next().unwrap_or("0"));
}

fn simulated() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!(
        "Drift, simulated AWS at its documented rates; {} accounts with {} regions each, {} of them asked",
        simulation::ACCOUNTS,
        simulation::REGIONS.len(),
        accounts()
    );
    println!(
        "{:>8} {:>8} {:>8} {:>10} {:>8} {:>8} {:>6} {:>9}",
        "tenants", "calls", "/tenant", "throttled", "wall s", "bound s", "ratio", "peak MiB"
    );
    let sizes = std::env::var("DRIFT_BENCH_SIMULATED").unwrap_or_else(|_| "10,100,1000,10000".to_owned());
    for size in sizes.split(',').map(|size| size.trim().parse::<usize>().expect("a number of tenants")) {
        let fleet = simulation::fleet(size, accounts());
        let simulation = runtime.block_on(simulation::Simulation::start(&fleet));
        let mut program = std::process::Command::new(std::env::current_exe().expect("this program"));
        let output = process::at_endpoint(&mut program, &simulation.url)
            .env(ROLE, size.to_string())
            .env_remove("TENANTRY_RATE_FACTOR")
            .stderr(Stdio::inherit())
            .output()
            .expect("a child");
        assert!(output.status.success(), "the check of {size} failed");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let [seconds, peak_kib] = numbers[..] else { panic!("two numbers: {text}") };
        let (calls, throttled, bound) = simulation.counted();
        println!(
            "{size:>8} {calls:>8} {:>8.1} {throttled:>10} {seconds:>8.1} {bound:>8.1} {:>6.2} {:>9.0}",
            calls as f64 / fleet.len() as f64,
            seconds / bound,
            peak_kib / 1024.0
        );
        for (family, calls, refused, least) in simulation.by_family() {
            let each = calls as f64 / fleet.len() as f64;
            println!("         {family:>24}: {each:>6.2} a tenant, {refused} refused, {least:.1} s at least");
        }
    }
    println!(
        "bound: the least seconds in which the emptiest bucket gives so many tokens, and at least one drift detection\n"
    );
}

fn local() {
    let sizes = std::env::var("DRIFT_BENCH_TENANTS").unwrap_or_else(|_| "10,100,500".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!("Drift, local endpoint; beside a loop that checks one stack after another");
    println!(
        "{:>8} {:>12} {:>8} {:>12} {:>9} | {:>12} {:>8} {:>7}",
        "tenants", "calls", "/tenant", "wall s", "peak MiB", "loop: calls", "wall s", "ratio"
    );
    for size in sizes.split(',').map(|size| size.trim().parse::<usize>().expect("a number of tenants")) {
        row(&runtime, size);
    }
}

/// Larger fleets have small stacks: the endpoint takes hours to make whole ones.
const MOST_WHOLE: usize = 100;

/// Stacks that the loop goes through; more of them are a multiple of these.
const LOOPED: usize = 10;

fn row(runtime: &tokio::runtime::Runtime, size: usize) {
    let names: Vec<String> = (0..size).map(|number| format!("t{number:04}")).collect();
    let fleet = Fleet::start(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let few = size > MOST_WHOLE;
    if few {
        let templates = fleet.estate().join("templates");
        std::fs::create_dir_all(&templates).unwrap();
        for (file, text) in small::TEMPLATES {
            std::fs::write(templates.join(file), text).unwrap();
        }
    }
    fleet.deploy_all(if few { &small::BROKEN } else { &[] });
    let proxy = runtime.block_on(Proxy::start(fleet.url()));
    let all = measured(&fleet, &proxy, &[]);
    // Every turn of the loop costs the same: a few stand for all.
    let sample: Vec<&String> = names.iter().take(LOOPED).collect();
    let mut one_by_one = Measured::default();
    for name in &sample {
        let one = measured(&fleet, &proxy, &[name]);
        one_by_one.seconds += one.seconds;
        one_by_one.calls += one.calls;
    }
    let (looped, of) = (one_by_one.calls * size / sample.len(), size as f64 / sample.len() as f64);
    println!(
        "{size:>8} {:>12} {:>8.1} {:>12.1} {:>9.0} | {:>12} {:>8.1} {:>7.1}",
        all.calls,
        all.calls as f64 / size as f64,
        all.seconds,
        all.peak_mib,
        looped,
        one_by_one.seconds * of,
        looped as f64 / all.calls as f64
    );
    let each: Vec<String> = all.counts.iter().map(|(service, calls)| format!("{service} {calls}")).collect();
    let stacks = if few { "stacks of four resources: " } else { "" };
    println!("         {stacks}{}", each.join(", "));
}

#[derive(Default)]
struct Measured {
    seconds: f64,
    calls: usize,
    peak_mib: f64,
    counts: Counts,
}

/// Runs `tenantry drift`, which must find nothing.
fn measured(fleet: &Fleet, proxy: &Proxy, tenants: &[&str]) -> Measured {
    proxy.take();
    let mut command = fleet.command(env!("CARGO_BIN_EXE_tenantry"));
    command.env("AWS_ENDPOINT_URL", &proxy.url).env("TENANTRY_RELEASE", fleet::RELEASE);
    command.args(["drift", "--output", "json"]).args(tenants).stdout(Stdio::piped());
    let began = tokio::time::Instant::now();
    let mut child = command.spawn().expect("the tool");
    let mut output = child.stdout.take().expect("its output");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).expect("its answer");
        text
    });
    let mut peak_kib = 0;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        peak_kib = peak_kib.max(now.unwrap_or(0_u64));
        if let Some(status) = child.try_wait().expect("its end") {
            break status;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    let seconds = began.elapsed().as_secs_f64();
    let text = reader.join().expect("its answer");
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&text));
    let counts = proxy.take();
    Measured { seconds, calls: counts.values().sum(), peak_mib: peak_kib as f64 / 1024.0, counts }
}
