//! `tenantry capacity` and `tenantry quotas` for fleets of growing size: time on one core, and memory.
//!
//! Everything but the network: tenants are sized, laid out and rendered; their templates counted; and what they need is
//! held against the tables. Each fleet spreads over two accounts and two regions with workloads of many sizes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench ends at the first fault and prints its numbers")]

use std::collections::BTreeMap;
use std::path::Path;

use tenantry::capacity::{Assessment, Outlines, Tables, check};
use tenantry::embedded;
use tenantry::estate::spec::Pool;
use tenantry::estate::{Estate, Tenant, load};
use tenantry::render::{Functions, Renderer, TemplateSet, render_fleet};
use tenantry::survey::{Wanted, unseen};

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];
/// What the whole of a fleet of ten thousand should take at most, in seconds on one core.
const AIM_SECONDS: f64 = 2.0;

/// Seconds that something takes, and what it gives.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    #[expect(clippy::disallowed_types, reason = "a bench measures time")]
    let start = std::time::Instant::now();
    let made = work();
    (start.elapsed().as_secs_f64(), made)
}

/// Most memory that the process has had so far, in MiB.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// The sample estate with `size` tenants like its first one, each with a /22 and a workload of its own.
fn fleet(sample: &Estate, size: u32) -> Estate {
    let mut estate = sample.clone();
    let model = sample.tenants.values().next().unwrap();
    let accounts: Vec<_> = sample.fleet.accounts.keys().cloned().collect();
    estate.fleet.pools = vec![Pool {
        name: "all".to_owned(),
        cidr: "10.0.0.0/8".parse().unwrap(),
        tenant_prefix: 22,
        regions: vec![],
        public: false,
    }];
    estate.tenants = (0..size)
        .map(|number| {
            let mut tenant: Tenant = Tenant { name: format!("t-{number}").parse().unwrap(), ..model.clone() };
            let block = std::net::Ipv4Addr::from((10 << 24) + (number << 10));
            tenant.spec.network.cidr = format!("{block}/22").parse().unwrap();
            tenant.spec.account = accounts[number as usize % accounts.len()].clone();
            tenant.spec.region = ["eu-west-1", "us-east-1"][(number as usize / 2) % 2].parse().unwrap();
            tenant.spec.set_parameter("ingest.peak_gib_per_minute", 0.01 + f64::from(number) / 100_000.0);
            (tenant.name.clone(), tenant)
        })
        .collect();
    estate
}

/// Counts and weighs a rendered fleet, as `quotas` and `capacity` do.
fn assess(estate: &Estate, tables: &Tables, rendered: &[tenantry::render::RenderedTenant<'_>]) -> Vec<Assessment> {
    let outlines = Outlines::default();
    let wanted: Vec<Wanted> =
        rendered.iter().map(|rendered| Wanted::tenant(&estate.fleet, rendered, &outlines)).collect();
    check(tables, &unseen(&wanted, "the bench looks at nothing"))
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sample = load(root).0.unwrap();
    let functions: Functions = embedded::functions(root, &sample.blueprint).unwrap();
    let (tables, _) = Tables::load(root).unwrap();
    let templates = || TemplateSet::parse(embedded::templates(root).unwrap()).unwrap();
    println!("tenants   render s   count and weigh s   together s   µs/tenant   peak MiB   to linear");
    let mut per_tenant: BTreeMap<u32, f64> = BTreeMap::new();
    for size in SIZES {
        let estate = fleet(&sample, size);
        let tenants: Vec<&Tenant> = estate.tenants.values().collect();
        let renderer = Renderer::new(templates());
        let (render, rendered) = timed(|| render_fleet(&renderer, &estate, &functions, "bench", &tenants));
        let rendered: Vec<_> = rendered.into_iter().map(|one| one.unwrap()).collect();
        let (weigh, assessments) = timed(|| assess(&estate, &tables, &rendered));
        let counted: usize = assessments.iter().filter(|one| one.region.is_some()).map(|one| one.stacks).sum();
        assert_eq!(counted, size as usize, "every tenant is counted once");
        let together = render + weigh;
        let each = weigh * 1e6 / f64::from(size);
        per_tenant.insert(size, each);
        let linear = each / per_tenant[&100.min(size)];
        println!(
            "{size:>7} {render:>10.3} {weigh:>19.3} {together:>12.3} {each:>11.1} {:>10.0} {linear:>11.2}",
            peak_mib()
        );
        if size == 10_000 {
            println!(
                "aim: {AIM_SECONDS} s for capacity and quotas of 10,000 tenants: {weigh:.3} s counting and weighing"
            );
        }
    }
}
