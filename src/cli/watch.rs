//! `tenantry watch`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args as ClapArgs;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::fit::{self, Fit, Look};
use super::opened::{self, Opened, Release};
use super::pace::Pace;
use super::progress::Spinner;
use super::standing::Standing;
use super::{Exit, Failure, Format, Global, Output, Selection, drift, orphans};
use crate::report::groups::counted;
use crate::report::screen::Screen;
use crate::report::watch as report;
use tenantry_aws::cloud::cloudwatch::{self, Datum};
use tenantry_aws::cloud::{Access, Cloud, Place, with_causes};
use tenantry_base::finding::Finding;
use tenantry_checks::capacity::{AccountRegion, Assessment, Measured, QuotaUsage, Site, SubnetVerdict};
use tenantry_ops::deploy::stacks;
use tenantry_ops::deploy::status::status;
use tenantry_ops::drift::StackDrift;
use tenantry_ops::drift::check::{Options, check};
use tenantry_ops::drift::record::Record;
use tenantry_ops::paging;
use tenantry_ops::survey::orphans::Orphans;
use tenantry_spec::estate::{self, Estate, File, Tenant};

/// Check the whole fleet once, as a scheduled CI job: drift, alarms, quotas, free addresses, expiring certificates,
/// orphaned stacks, and whether pages reach the on-call engineer and are acknowledged. Publish the metrics that alarms
/// of the control plane watch.
///
/// Paging is checked by a canary: an event from every account and Region with tenants that takes the path of the
/// alarms' pages, must arrive at the paging service, and is resolved again. A canary that does not arrive is reported
/// with the first broken link. Metrics go into the namespace `Tenantry`: free addresses of each subnet, days until
/// certificates expire, headroom of quotas, and that this command ran; an alarm of the control plane fires when it has
/// not run for 30 hours.
///
/// `--output markdown` is one message for a chat or an issue.
///
/// Exit code 0: no findings; 2: there are findings; 4: something could not be checked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry watch
  tenantry watch -o markdown > message.md")]
pub(super) struct Args {
    #[command(flatten)]
    release: Release,
    /// Timeout for the canary to arrive, and again for it to be resolved.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    canary_wait: u64,
    /// Send no canary: paging is not checked.
    #[arg(long)]
    no_canary: bool,
    /// Publish no metrics. The alarm for missing runs fires when no run publishes.
    #[arg(long)]
    no_metrics: bool,
    #[command(flatten)]
    pace: Pace,
}

/// Result of `watch`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Organisation of the fleet.
    pub(crate) organisation: String,
    /// Start of the run.
    #[schemars(with = "tenantry_base::schema::Instant")]
    pub(crate) at: Timestamp,
    /// Release that the stacks are compared with.
    pub(crate) release: String,
    /// Standing of each tenant's stack.
    pub(crate) tenants: Vec<Row>,
    /// Orphaned stacks.
    pub(crate) orphans: Orphans,
    /// Findings on quotas, addresses and names.
    pub(crate) capacity: Vec<Found>,
    /// Certificates and revocation lists that expired or expire soon.
    pub(crate) certificates: Vec<Dated>,
    /// State of the paging path.
    pub(crate) paging: paging::Report,
    /// Accounts and Regions where metrics were not published, with the reason.
    pub(crate) unpublished: Vec<String>,
    /// Number of published metric values.
    pub(crate) published: usize,
}

/// A tenant's stack.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Row {
    /// Name of the tenant.
    pub(crate) tenant: String,
    /// Account and Region.
    pub(crate) place: Place,
    /// State of the stack.
    pub(crate) standing: Standing,
}

/// A capacity finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Found {
    /// Code of the finding, `TN2...`.
    pub(crate) code: String,
    /// Lower case, without a period.
    pub(crate) message: String,
}

/// A certificate or revocation list that expired or expires soon.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Dated {
    /// Name of the tenant; null for a file of the fleet.
    pub(crate) tenant: Option<String>,
    /// Code of the finding, `TN1...`.
    pub(crate) code: String,
    /// Lower case, without a period.
    pub(crate) message: String,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let spinner = Spinner::start("reading the estate");
    let now = Timestamp::now();
    let everything = Selection { all: true, ..Selection::default() };
    let opened = Opened::without_broken(global, &[])?;
    let accepted = drift::accepted(&global.estate, super::today())?;
    let prices = opened::prices(&global.estate)?;
    let look = Look { offline: false, what_if: Vec::new() };
    let Fit { opened, assessments, mut places, sites, .. } =
        fit::of(global, opened, &everything, &args.release, &look, &spinner)?;
    let estate = &opened.estate;
    let tenants: Vec<&Tenant> = estate.tenants.values().collect();
    let desired = opened.desired(&tenants, &args.release)?;
    let wait = args.pace.wait();
    let options = Options { pace: wait, concurrency: args.pace.concurrency(), lookups: 0 };
    let canary = (!args.no_canary).then(|| Duration::from_secs(args.canary_wait));
    let pages = paging::Options { now, canary, poll: wait.poll };
    let (lines, mut drifts, orphans, paging) = super::wait(async {
        let cloud = Cloud::configure().await?.reading();
        spinner.next(format!("checking {} for drift, and the way of the pages", counted(desired.len(), "stack")));
        Ok::<_, Failure>(futures::join!(
            status(&cloud, &desired),
            check(&cloud, &desired, &options, &|_| {}),
            orphans::scan(&cloud, estate, &prices),
            paging::check(&cloud, &estate.fleet, &places, pages)
        ))
    })??;
    let _unused = accepted.apply(&mut drifts, super::today());
    super::wait(drift::note(&estate.fleet, &global.estate, &drifts))?;
    drift::journal(&global.estate, "watch", &args.release.release, &drifts);
    let mut checked = Record::default();
    checked.note(&drifts, now.as_second());
    let names: BTreeMap<_, &str> = desired.iter().map(|one| ((&one.tenant, &one.place), one.stack.as_str())).collect();
    let rows = lines.into_iter().map(|line| {
        let stack = names.get(&(&line.tenant, &line.place));
        let checked = stack.and_then(|stack| checked.of(&line.place, stack));
        // What was checked just now is never too old.
        let standing = Standing::of(&line, checked, now.as_second(), i64::MAX);
        Row { tenant: line.tenant, place: line.place, standing }
    });
    let mut tenants: Vec<Row> = rows.collect();
    tenants.sort_by_key(|row| (row.standing.order(), row.tenant.clone()));
    let (mut unpublished, mut published) = (Vec::new(), 0);
    if !args.no_metrics {
        spinner.next("publishing metrics");
        let hub = stacks::central(&estate.fleet);
        let access = stacks::access(&estate.fleet, &hub.account);
        places.entry(hub.clone()).or_insert(access);
        let data = metrics(estate, (&sites, &assessments), &hub, now);
        (published, unpublished) = super::wait(publish(&places, &data))?;
    }
    let incomplete = opened.incomplete(true);
    let answer = Answer {
        organisation: estate.fleet.organisation.clone(),
        at: now,
        release: args.release.release.clone(),
        tenants,
        orphans,
        capacity: assessments.iter().flat_map(Assessment::findings).map(|found| found_row(&found)).collect(),
        certificates: dated(estate, now),
        paging,
        unpublished,
        published,
    };
    drop(spinner);
    let exit = exit(&answer, &drifts, &assessments).max(incomplete);
    let output = Output::new(global.output);
    match global.output {
        Format::Markdown => output.text(&report::markdown(&answer))?,
        _ => output.show(&answer, |answer| Screen::current().wrapped(&report::text(answer)))?,
    }
    Ok(exit)
}

fn found_row(found: &Finding) -> Found {
    Found { code: found.code.as_str().to_owned(), message: found.message.clone() }
}

/// Certificates and revocation lists that ended or end soon; freezes that are over concern nobody at night.
fn dated(estate: &Estate, now: Timestamp) -> Vec<Dated> {
    let of_tenants = estate::dated(estate, now).into_iter().filter(|found| found.tenant.is_some());
    let row =
        |found: Finding| Dated { tenant: found.tenant, code: found.code.as_str().to_owned(), message: found.message };
    of_tenants.map(row).collect()
}

/// What is unknown weighs more than what is found.
fn exit(answer: &Answer, drifts: &[StackDrift], assessments: &[Assessment]) -> Exit {
    let tenants = answer.tenants.iter().map(|row| row.standing.exit());
    let pages = answer.paging.levels().map(Exit::from);
    let rest = [
        drift::exit(drifts),
        orphans::exit(&answer.orphans),
        fit::exit(assessments),
        if answer.certificates.is_empty() { Exit::Clean } else { Exit::Changes },
        if answer.unpublished.is_empty() { Exit::Clean } else { Exit::Incomplete },
    ];
    tenants.chain(pages).chain(rest).max().unwrap_or(Exit::Clean)
}

/// Where the tool's numbers are, as those of the functions.
const NAMESPACE: &str = "Tenantry";

/// What is published, by place: the numbers of a tenant where its alarms are.
fn metrics(
    estate: &Estate,
    (sites, assessments): (&BTreeMap<AccountRegion, Site>, &[Assessment]),
    hub: &Place,
    now: Timestamp,
) -> BTreeMap<Place, Vec<Datum>> {
    let mut data: BTreeMap<Place, Vec<Datum>> = BTreeMap::new();
    for assessment in assessments {
        let region = assessment.region.clone().unwrap_or_else(|| hub.region.clone());
        let place = Place { account: assessment.account.clone(), region: region.clone() };
        let site = assessment
            .region
            .as_ref()
            .and_then(|_| sites.get(&AccountRegion { account: assessment.account.clone(), region }));
        let own = data.entry(place).or_default();
        own.extend(assessment.quotas.iter().filter_map(headroom));
        own.extend(site.map(|site| addresses(site, &assessment.subnets)).unwrap_or_default());
    }
    for tenant in estate.tenants.values() {
        let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
        data.entry(place).or_default().extend(certificates(tenant, now));
    }
    let of_fleet = || BTreeMap::from([("Organisation", estate.fleet.organisation.clone())]);
    let headrooms = data.values().flatten().filter(|datum| datum.name == QUOTA_HEADROOM).map(|datum| datum.value);
    let least = headrooms.min_by(f64::total_cmp);
    let least = least.map(|value| Datum { name: "QuotaHeadroomLeast", dimensions: of_fleet(), value, unit: "Percent" });
    let run = Datum { name: "WatchRuns", dimensions: of_fleet(), value: 1.0, unit: "Count" };
    data.entry(hub.clone()).or_default().extend(least.into_iter().chain([run]));
    data
}

const QUOTA_HEADROOM: &str = "QuotaHeadroom";

/// What of a quota is free; nothing where its use is unknown.
#[expect(clippy::cast_precision_loss, reason = "quotas stay far below 2^53")]
fn headroom(quota: &QuotaUsage) -> Option<Datum> {
    let Measured::Known(used) = quota.used else { return None };
    let free = quota.limit.saturating_sub(used) as f64;
    let percent = if quota.limit == 0 { 0.0 } else { 100.0 * free / quota.limit as f64 };
    Some(Datum {
        name: QUOTA_HEADROOM,
        dimensions: BTreeMap::from([("Quota", quota.quota.clone())]),
        value: percent,
        unit: "Percent",
    })
}

/// The free addresses of each subnet that exists, as EC2 tells them, and the least share of a tenant's subnets.
#[expect(clippy::cast_precision_loss, reason = "a subnet has 65,536 addresses at most")]
fn addresses(site: &Site, subnets: &[SubnetVerdict]) -> Vec<Datum> {
    let live = site.snapshot.subnets.known().into_iter().flatten();
    let free: BTreeMap<(Option<&str>, Option<&str>), u64> =
        live.map(|subnet| ((subnet.tenant.as_deref(), subnet.logical_id.as_deref()), subnet.free)).collect();
    let mut data = Vec::new();
    let mut least: BTreeMap<&str, f64> = BTreeMap::new();
    for subnet in subnets {
        let Some(free) = free.get(&(Some(&subnet.tenant), Some(&subnet.logical_id))).map(|free| *free as f64) else {
            continue;
        };
        let percent = if subnet.usable == 0 { 0.0 } else { 100.0 * free / subnet.usable as f64 };
        least.entry(&subnet.tenant).and_modify(|known| *known = known.min(percent)).or_insert(percent);
        data.push(Datum {
            name: "FreeAddresses",
            dimensions: BTreeMap::from([("Subnet", subnet.logical_id.clone()), ("Tenant", subnet.tenant.clone())]),
            value: free,
            unit: "Count",
        });
    }
    data.extend(least.into_iter().map(|(tenant, percent)| Datum {
        name: "FreeAddressesLeast",
        dimensions: BTreeMap::from([("Tenant", tenant.to_owned())]),
        value: percent,
        unit: "Percent",
    }));
    data
}

/// Days until the last authority of a bundle, or a revocation list, ends; and the fewest of a tenant's.
#[expect(clippy::cast_precision_loss, reason = "seconds of a few centuries")]
fn certificates(tenant: &Tenant, now: Timestamp) -> Vec<Datum> {
    let ends = tenant.files.iter().filter_map(|(path, file)| {
        let end = match file {
            File::Authority(bundle) => bundle.authorities.iter().map(|authority| authority.valid.1).max(),
            File::Revocations(list) => list.next_update,
            File::Any { .. } => None,
        };
        Some((path, end?))
    });
    let days = |end: i64| (end.saturating_sub(now.as_second()) as f64 / 86_400.0).floor();
    let datum = |(path, end): (&String, i64)| Datum {
        name: "CertificateDaysLeft",
        dimensions: BTreeMap::from([("File", path.clone()), ("Tenant", tenant.name.to_string())]),
        value: days(end),
        unit: "None",
    };
    let mut data: Vec<Datum> = ends.map(datum).collect();
    let least = data.iter().map(|datum| datum.value).min_by(f64::total_cmp);
    data.extend(least.map(|value| Datum {
        name: "CertificateDaysLeftLeast",
        dimensions: BTreeMap::from([("Tenant", tenant.name.to_string())]),
        value,
        unit: "None",
    }));
    data
}

/// Publishes; how many numbers, and why others were not. A place that cannot be reached keeps no other from its numbers.
async fn publish(places: &BTreeMap<Place, Access>, data: &BTreeMap<Place, Vec<Datum>>) -> (usize, Vec<String>) {
    let (mut published, mut failed) = (0, Vec::new());
    let cloud = match Cloud::configure().await {
        Ok(cloud) => cloud.reading(),
        Err(error) => return (0, vec![with_causes(&error)]),
    };
    for (place, numbers) in data.iter().filter(|(_, numbers)| !numbers.is_empty()) {
        let access = places.get(place).cloned().unwrap_or_default();
        let put = async {
            let session = cloud.session(place, &access).await?;
            cloudwatch::put(&session, NAMESPACE, numbers).await
        };
        match put.await {
            Ok(()) => published += numbers.len(),
            Err(error) => failed.push(with_causes(&error)),
        }
    }
    (published, failed)
}
