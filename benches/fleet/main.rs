//! Rendering and validating a fleet of 10 to 100,000 tenants, of few workloads and of as many as tenants, beside what one would
//! use instead on the same templates.
//!
//! `make bench-fleet` installs the peers and runs it. Each size is measured in a process of its own. The peers get as
//! many tenants as they can bear; what they take for each tenant more is compared. `--alone` leaves them out.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_types, reason = "a bench measures and prints")]

/// The one of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod estate;
mod measure;
mod peers;

use std::time::Duration;

use estate::Workloads;
use measure::Measured;
use peers::Pace;

const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
/// The size whose tenants are compared with the peers'.
const COMPARED: usize = 10_000;
/// Tenants that each peer gets.
const MANY: usize = 60;
const FEW: usize = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, tenants] = arguments.as_slice()
        && let Some(workloads) = match mode.as_str() {
            "--fleet" => Some(Workloads::Few),
            "--different" => Some(Workloads::Different),
            _ => None,
        }
    {
        let measured = measure::here(tenants.parse().unwrap(), workloads);
        println!("{}", serde_json::to_string(&measured).unwrap());
        return;
    }
    let cores = std::thread::available_parallelism().unwrap();
    println!("Tenantry, {cores} cores, in seconds and (µs per tenant); policies are all Guard rules and checks");
    let measured = sizes(Workloads::Few, "five workloads");
    sizes(Workloads::Different, "every tenant with a workload of its own");
    if !arguments.iter().any(|argument| argument == "--alone") {
        compare(&measured);
    }
}

fn sizes(workloads: Workloads, title: &str) -> Vec<Measured> {
    println!(
        "\n{title}\n{:>8} {:>6} {:>8} {:>18} {:>18} {:>18} {:>18} {:>9}",
        "tenants", "forms", "MB", "load", "render", "policies", "all", "peak MiB"
    );
    let measured = SIZES.map(|size| {
        let fleet = measure::apart(size, workloads);
        println!(
            "{:>8} {:>6} {:>8.1} {} {} {} {} {:>9.0}",
            fleet.tenants,
            fleet.forms,
            fleet.bytes as f64 / 1e6,
            cell(fleet.load, fleet.tenants),
            cell(fleet.render, fleet.tenants),
            cell(fleet.check, fleet.tenants),
            cell(fleet.load + fleet.render + fleet.check, fleet.tenants),
            fleet.peak_mib,
        );
        fleet
    });
    let measured = Vec::from(measured);
    growth(&measured);
    measured
}

fn cell(time: Duration, tenants: usize) -> String {
    let seconds = time.as_secs_f64();
    format!("{seconds:>8.3} {:>9}", format!("({:.0})", seconds * 1e6 / tenants as f64))
}

/// What each tenant more costs, between two sizes: the cost that must stay flat.
fn growth(measured: &[Measured]) {
    println!("\nµs for each tenant more        render  policies");
    for pair in measured.windows(2) {
        let more = (pair[1].tenants - pair[0].tenants) as f64;
        let each = |time: fn(&Measured) -> Duration| {
            (time(&pair[1]).as_secs_f64() - time(&pair[0]).as_secs_f64()) * 1e6 / more
        };
        println!(
            "  {:>6} to {:>6} tenants     {:>8.0}  {:>8.0}",
            pair[0].tenants,
            pair[1].tenants,
            each(|fleet| fleet.render),
            each(|fleet| fleet.check),
        );
    }
}

fn compare(measured: &[Measured]) {
    let Some(largest) = measured.iter().find(|fleet| fleet.tenants == COMPARED) else { return };
    let each = |time: Duration| time / u32::try_from(largest.tenants).unwrap();
    let templates = peers::templates(MANY);
    println!("\nThe same templates, for each tenant                start     each tenant   ratio to ours   peak MiB");
    row("Tenantry render", Pace { start: Duration::ZERO, per_tenant: each(largest.render), peak_mib: None }, None);
    row("Sceptre generate", peers::sceptre(&templates), Some(each(largest.render)));
    row("CDK synth, level-1 constructs", peers::cdk(&templates), Some(each(largest.render)));
    row("Tenantry policies", Pace { start: Duration::ZERO, per_tenant: each(largest.check), peak_mib: None }, None);
    row("cfn-guard, every rule each time", peers::cfn_guard(&templates[..FEW]), Some(each(largest.check)));
    row("cfn-lint", peers::cfn_lint(&templates[..FEW]), Some(each(largest.check)));
}

fn row(name: &str, pace: Pace, ours: Option<Duration>) {
    let ratio =
        ours.map_or(String::new(), |ours| format!("{:.0}x", pace.per_tenant.as_secs_f64() / ours.as_secs_f64()));
    let peak = pace.peak_mib.map_or(String::new(), |mib| format!("{mib:.0}"));
    println!(
        "  {name:<44} {:>7.2} s {:>12.3} ms {ratio:>15} {peak:>10}",
        pace.start.as_secs_f64(),
        pace.per_tenant.as_secs_f64() * 1e3,
    );
}
