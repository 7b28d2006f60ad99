//! `tenantry report`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ipnetwork::Ipv4Network;
use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::fit::{self, Fit, Look};
use super::opened::{self, Release};
use super::progress::Spinner;
use super::standing::Standing;
use super::{Exit, Failure, Global, Output, Selection, capacity, checks, orphans};
use crate::report::groups::counted;
use crate::report::screen::Tone;
use crate::report::site::{self, Mark, Report, pages};
use crate::report::{plan, release as words};
use tenantry_aws::cloud::{Cloud, Place, with_causes};
use tenantry_base::files;
use tenantry_blueprint::Routing;
use tenantry_checks::capacity::{AccountRegion, Assessment, Level, QuotaUsage, Seen, SubnetVerdict};
use tenantry_checks::cost::{Prices, bill};
use tenantry_checks::handbook::{self, Handbook};
use tenantry_checks::{flow, resources};
use tenantry_ops::deploy::flags as delivery;
use tenantry_ops::deploy::journal::{self, Entry, Record, Run};
use tenantry_ops::deploy::status::{Line, status};
use tenantry_ops::deploy::{Desired, stacks};
use tenantry_ops::drift::DriftStatus;
use tenantry_ops::drift::record::Record as Checks;
use tenantry_ops::release::itinerary::{calendar, stages};
use tenantry_ops::survey::{self, orphans::Orphans};
use tenantry_spec::estate::rings::Opening;
use tenantry_spec::estate::spec::Fleet;
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_spec::flags;
use tenantry_template::render::{RenderedTenant, prepare};

/// Report on the fleet and each tenant as a static site: a page of the fleet and one of each tenant, with drawings.
///
/// The fleet: states, rings and releases, a map of the address pools, headroom with the limiting quota, cost, orphaned stacks.
/// A tenant: its network by zone and tier with addresses now, at the peak, with a zone lost and in a deployment; its pipeline
/// with queues and alarms; quotas, cost, flags and history. The site needs no server and no network: open `index.html`.
///
/// The JSON answer (`-o json`) has everything on the pages, and `--from` draws them from it, without estate, credentials and
/// network. Changes nothing in AWS. Exit code 0: AWS was asked about everything, or not at all (`--offline`, `--from`); 4:
/// something is unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry report --html out/
  tenantry report -o json > report.json
  tenantry report --from report.json --html out/
  tenantry report acme --offline --svg acme.svg")]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Directory that the site is written to; files of an earlier report are replaced.
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// Draw the network and the pipeline of the one chosen tenant into this SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Draw a report from this JSON answer.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "all", "ring", "account", "region",
        "shard", "offline"])]
    from: Option<PathBuf>,
    /// Without credentials and network: what only AWS knows is unknown.
    #[arg(long)]
    offline: bool,
    /// Hours after which a drift check no longer counts.
    #[arg(long, value_name = "HOURS", default_value_t = 36)]
    max_check_age: u32,
}

/// Runs of a tenant that are shown.
const MOST_EVENTS: usize = 50;

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let output = Output::new(global.output);
    if args.html.is_none() && args.svg.is_none() && !output.is_json() {
        return Err(Failure::new("a report is a site, a picture or a JSON answer")
            .with_hint("`--html DIR`, `--svg FILE` or `-o json`"));
    }
    let (report, exit) = match &args.from {
        Some(path) => (read(path)?, Exit::Clean),
        None => made(args, global)?,
    };
    let written = match &args.html {
        Some(folder) => Some(write(&report, folder)?),
        None => None,
    };
    if let Some(path) = &args.svg {
        let [tenant] = &report.tenants[..] else {
            let count = counted(report.tenants.len(), "tenant");
            return Err(Failure::new(format!("a picture is of one tenant, and not of {count}"))
                .with_hint("`tenantry report TENANT --svg FILE`"));
        };
        let picture = pages::picture(tenant).map_err(|error| undrawn(&error))?;
        super::write_file(path, &picture)?;
    }
    if output.is_json() {
        output.json(site::SCHEMA, &report)?;
    } else if let (Some(pages), Some(folder)) = (written, &args.html) {
        output.text(&format!("{} written, open {}\n", counted(pages, "page"), folder.join("index.html").display()))?;
    }
    Ok(exit)
}

/// Reads a JSON answer.
fn read(path: &Path) -> Result<Report, Failure> {
    #[derive(Deserialize)]
    struct Stored {
        schema: String,
    }
    let text = files::read_to_string(path)?;
    let shown = path.display();
    let broken = |error: serde_json::Error| Failure::new(format!("{shown}: {error}"));
    let stored: Stored = serde_json::from_str(&text).map_err(broken)?;
    if stored.schema != site::SCHEMA {
        return Err(Failure::new(format!("{shown} is `{}` and not `{}`", stored.schema, site::SCHEMA))
            .with_hint("`tenantry report -o json` writes one"));
    }
    serde_json::from_str(&text).map_err(broken)
}

/// Writes the site; gives the number of its pages.
fn write(report: &Report, folder: &Path) -> Result<usize, Failure> {
    let spinner = Spinner::start("drawing the pages");
    let all = pages::files(report).map_err(|error| undrawn(&error))?;
    files::create_folder(&folder.join("tenants"))?;
    for (path, text) in &all {
        files::write(&folder.join(path), text.as_bytes())?;
    }
    drop(spinner);
    Ok(all.iter().filter(|(path, _)| path.ends_with(".html")).count())
}

fn undrawn(error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("the pages cannot be drawn: {}", with_causes(error)))
}

/// What AWS answered.
struct Answers {
    lines: Vec<Line>,
    orphans: Option<Orphans>,
    shared: Option<Checks>,
}

/// Makes a report from the estate and what AWS says now.
fn made(args: &Args, global: &Global) -> Result<(Report, Exit), Failure> {
    let look = Look { offline: args.offline, what_if: Vec::new() };
    let fit = fit::fit(global, &args.selection, &args.release, &look)?;
    let estate = &fit.opened.estate;
    let tenants: Vec<&Tenant> = match args.selection.is_empty() {
        true => estate.tenants.values().collect(),
        false => args.selection.select(estate)?,
    };
    let spinner = Spinner::start("rendering");
    let rendered = fit.opened.render(&tenants, &args.release.release)?;
    let desired: Vec<Desired> = fit.opened.desired(&tenants, &args.release)?;
    let prices = opened::prices(&global.estate)?;
    let answers = match args.offline {
        true => None,
        false => {
            spinner.next(format!("asking AWS about {}", counted(desired.len(), "stack")));
            Some(super::wait(ask(estate, &desired, &prices, args.selection.is_whole_fleet()))??)
        }
    };
    spinner.next("counting");
    let now = Timestamp::now();
    let book = Handbook::load(&global.estate).map_err(|found| opened::refused(&found, "the handbook"))?;
    let shared = answers.as_ref().and_then(|answers| answers.shared.clone()).unwrap_or_default();
    let sources = Sources {
        fit: &fit,
        args,
        prices: &prices,
        book: book.as_ref(),
        checks: Checks::load(&global.estate).merged(shared),
        lines: answers.iter().flat_map(|answers| &answers.lines).map(|line| (line.tenant.as_str(), line)).collect(),
        runs: journal::runs(&global.estate)?,
        now,
    };
    let made: Result<Vec<site::Tenant>, Failure> = rendered.par_iter().map(|one| sources.tenant(one)).collect();
    let made = made?;
    let orphans = answers.as_ref().and_then(|answers| answers.orphans.as_ref());
    let report = Report {
        organisation: estate.fleet.organisation.clone(),
        release: args.release.release.clone(),
        made_at: now.as_second(),
        not_asked: args.offline.then(|| survey::OFFLINE.to_owned()),
        prices_of: prices.date.clone(),
        rings: rings(estate),
        pools: pools(estate),
        places: places(&fit),
        tenants: made,
        orphans: orphans.map(unnamed),
        unread: orphans.iter().flat_map(|found| &found.unread).map(unread).collect(),
    };
    let unknown = answers.is_some()
        && (report.tenants.iter().any(|tenant| tenant.live.known().is_none())
            || !report.unread.is_empty()
            || fit::exit(&fit.assessments) == Exit::Incomplete);
    Ok((report, if unknown { Exit::Incomplete } else { Exit::Clean }))
}

async fn ask(estate: &Estate, desired: &[Desired], prices: &Prices, whole: bool) -> Result<Answers, Failure> {
    let cloud = Cloud::configure().await?.reading();
    let lines = status(&cloud, desired).await;
    let orphans = if whole { Some(orphans::scan(&cloud, estate, prices).await) } else { None };
    Ok(Answers { lines, orphans, shared: checks::shared(&cloud, &estate.fleet).await.ok() })
}

/// Everything that a tenant's page is made of.
struct Sources<'s> {
    fit: &'s Fit,
    args: &'s Args,
    prices: &'s Prices,
    book: Option<&'s Handbook>,
    checks: Checks,
    lines: BTreeMap<&'s str, &'s Line>,
    runs: Vec<Run>,
    now: Timestamp,
}

impl Sources<'_> {
    fn tenant(&self, rendered: &RenderedTenant<'_>) -> Result<site::Tenant, Failure> {
        let (estate, tenant) = (&self.fit.opened.estate, rendered.tenant);
        let (name, spec) = (tenant.name.as_str(), &tenant.spec);
        let place = Place { account: spec.account.clone(), region: spec.region.clone() };
        let stack = delivery::stack(estate, tenant);
        let tree = rendered.template.tree();
        let line = self.lines.get(name).copied();
        let checked = self.checks.of(&place, &stack);
        let most_age = i64::from(self.args.max_check_age) * 3_600;
        let standing = line.map(|line| Standing::of(line, checked, self.now.as_second(), most_age));
        let prepared = prepare(estate, &self.fit.opened.functions, &self.args.release.release, tenant);
        let context = prepared.map_err(|found| opened::refused(&found, "the tenant"))?.context;
        let ground = AccountRegion { account: place.account.clone(), region: place.region.clone() };
        let site = self.fit.sites.get(&ground);
        let own = site.and_then(|site| site.stacks.iter().find(|one| one.tenant == name));
        let takes = own.iter().flat_map(|one| &one.needs.demand.amounts).map(|(quota, amounts)| {
            ((*quota).to_owned(), amounts.iter().map(|(within, amount)| (within.clone(), *amount)).collect())
        });
        Ok(site::Tenant {
            name: tenant.name.clone(),
            ring: spec.ring.to_string(),
            account: spec.account.to_string(),
            region: spec.region.to_string(),
            timezone: spec.contact.timezone.clone(),
            digest: rendered.template.digest.clone(),
            state: state(standing.as_ref(), stacks::is_offboarded(&estate.fleet, tenant)),
            live: live(line),
            checked: checked.map(|check| site::Checked {
                at: check.at,
                verdict: match check.verdict {
                    DriftStatus::InSync => "in sync",
                    DriftStatus::Drifted => "drifted",
                    DriftStatus::Incomplete => "incomplete",
                }
                .to_owned(),
                open: check.open,
                worst: check.worst.and_then(|worst| word(&worst)),
                mark: match check.verdict {
                    DriftStatus::InSync => Mark::Good,
                    DriftStatus::Drifted => Mark::Bad,
                    DriftStatus::Incomplete => Mark::Unknown,
                },
            }),
            opening: match calendar(estate, &tenant.name).opening(self.now) {
                Opening::Open => "may be changed now".to_owned(),
                Opening::At { at, why } => format!("not before {} ({why})", words::moment(at)),
                Opening::Never { why } => format!("never ({why})"),
            },
            network: network(self.fit, rendered),
            resources: groups(&tree),
            flow: flow::flow(&tree),
            alarms: alarms(handbook::described(self.book, &tree, &context), &flow::watched(&tree), line),
            cost: cost(&bill(&tree, spec.region.as_str(), self.prices)),
            flags: flags_of(estate, tenant),
            takes: takes.collect(),
            history: self.runs.iter().rev().flat_map(|run| events(run, name)).take(MOST_EVENTS).collect(),
            stack,
        })
    }
}

/// The subnets of the layout in their tiers and zones; others that the template has, in a tier of their own.
pub(super) fn network(fit: &Fit, rendered: &RenderedTenant<'_>) -> site::Network {
    let (estate, tenant) = (&fit.opened.estate, rendered.tenant);
    let ground = AccountRegion { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
    let is_ground = |one: &&Assessment| one.account == ground.account && one.region.as_ref() == Some(&ground.region);
    let found = fit.assessments.iter().find(is_ground);
    let mut verdicts: Vec<&SubnetVerdict> =
        found.into_iter().flat_map(|one| &one.subnets).filter(|subnet| subnet.tenant == tenant.name.as_str()).collect();
    let zones = estate.fleet.regions.get(&ground.region).map(|region| region.zones.as_slice()).unwrap_or_default();
    let mut zones: Vec<String> = zones.iter().take(rendered.layout.zones.len()).map(ToString::to_string).collect();
    let mut take = |block: Ipv4Network| {
        let index = verdicts.iter().position(|verdict| verdict.cidr == block)?;
        Some(subnet(verdicts.swap_remove(index)))
    };
    let mut tiers: Vec<site::Tier> = Vec::new();
    for (index, tier) in estate.blueprint.tiers.iter().enumerate() {
        let blocks = rendered.layout.zones.iter().map(|zone| zone.get(index).map(|subnet| subnet.block));
        tiers.push(site::Tier {
            name: tier.name.clone(),
            routes: match tier.routes {
                Routing::Internet => "internet",
                Routing::Nat => "NAT gateway",
                Routing::None => "VPC only",
            }
            .to_owned(),
            subnets: blocks.map(|block| take(block?)).collect(),
        });
    }
    // Where the template names zones of its own, they are columns too.
    verdicts.sort_by_key(|verdict| verdict.cidr.network());
    let mut others: Vec<Vec<Option<site::Subnet>>> = Vec::new();
    for verdict in verdicts {
        let zone = verdict.zone.clone().unwrap_or_else(|| "not named".to_owned());
        let column = zones.iter().position(|known| *known == zone).unwrap_or_else(|| {
            zones.push(zone);
            zones.len() - 1
        });
        let free = others.iter().position(|row| row.get(column).is_none_or(Option::is_none));
        let row = free.unwrap_or(others.len());
        if row == others.len() {
            others.push(Vec::new());
        }
        if others[row].len() <= column {
            others[row].resize_with(column + 1, || None);
        }
        others[row][column] = Some(subnet(verdict));
    }
    let other = |subnets| site::Tier { name: "other".to_owned(), routes: "as the template says".to_owned(), subnets };
    tiers.extend(others.into_iter().map(other));
    for tier in &mut tiers {
        tier.subnets.resize_with(zones.len(), || None);
    }
    tiers.retain(|tier| tier.subnets.iter().any(Option::is_some));
    site::Network { cidr: tenant.spec.network.cidr, zones, tiers }
}

fn state(standing: Option<&Standing>, offboarded: bool) -> site::State {
    let Some(standing) = standing else {
        let word = if offboarded { "offboarded in git" } else { "not asked" };
        return site::State { word: word.to_owned(), why: String::new(), mark: Mark::Unknown };
    };
    let mark = match standing.tone() {
        Tone::Good => Mark::Good,
        Tone::Warning => Mark::Warning,
        Tone::Bad | Tone::Danger => Mark::Bad,
        Tone::Unknown => Mark::Unknown,
        Tone::Quiet | Tone::Strong => Mark::Quiet,
    };
    site::State { word: standing.state().to_owned(), why: standing.why(), mark }
}

fn live(line: Option<&Line>) -> Seen<site::Live> {
    use tenantry_ops::deploy::status::SyncStatus;
    match line {
        None => Seen::Unknown("AWS was not asked".to_owned()),
        Some(Line { verdict: SyncStatus::Unknown { why }, .. }) => Seen::Unknown(why.clone()),
        Some(line) => Seen::Known(site::Live {
            status: line.status.clone(),
            release: line.release.clone(),
            digest: line.digest.clone(),
            updated: line.updated,
        }),
    }
}

fn mark(level: Level) -> Mark {
    match level {
        Level::Ok => Mark::Good,
        Level::Warning => Mark::Warning,
        Level::Unknown => Mark::Unknown,
        Level::Error => Mark::Bad,
    }
}

fn subnet(verdict: &SubnetVerdict) -> site::Subnet {
    let owners = verdict.owners.iter().map(|(owner, addresses)| (owner.to_string(), addresses.at_worst));
    site::Subnet {
        logical_id: verdict.logical_id.clone(),
        cidr: verdict.cidr,
        usable: verdict.usable,
        now: verdict.now.as_ref().map(|now| now.used),
        at_peak: verdict.total.at_peak,
        zone_lost: verdict.total.zone_lost,
        deploying: verdict.total.deploying,
        needed: verdict.needed,
        percent: verdict.percent,
        mark: mark(verdict.level),
        owners: owners.collect(),
    }
}

/// How many resources of each group, in the order of the groups.
fn groups(tree: &serde_json::Value) -> Vec<(String, usize)> {
    let mut groups: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for resource in tree["Resources"].as_object().into_iter().flat_map(serde_json::Map::values) {
        if let Some(kind) = resource["Type"].as_str() {
            *groups.entry(resources::table().group(kind)).or_default() += 1;
        }
    }
    groups.into_iter().map(|((_, name), count)| (name, count)).collect()
}

fn alarms(
    described: Vec<handbook::Described>,
    watched: &BTreeMap<String, BTreeSet<String>>,
    line: Option<&Line>,
) -> Vec<site::Alarm> {
    let state = |id: &str| match line {
        None => Seen::Unknown("AWS was not asked".to_owned()),
        Some(line) => match line.alarm_states.get(id) {
            Some(state) => Seen::Known(state.clone()),
            None => Seen::Unknown("CloudWatch tells no state".to_owned()),
        },
    };
    let alarm = |one: handbook::Described| site::Alarm {
        state: state(&one.alarm.logical_id),
        watches: watched.get(&one.alarm.logical_id).into_iter().flatten().cloned().collect(),
        means: one.entry.map(|entry| entry.means),
        logical_id: one.alarm.logical_id,
        name: one.alarm.name,
        reason: one.alarm.reason,
        condition: one.alarm.condition,
    };
    described.into_iter().map(alarm).collect()
}

fn cost(bill: &tenantry_checks::cost::Bill) -> site::Cost {
    let total = bill.total();
    let lines = bill.lines.iter();
    let mut lines: Vec<site::CostLine> = lines
        .map(|line| site::CostLine { service: line.service.clone(), what: line.what.clone(), usd: line.usd })
        .collect();
    let size = |line: &site::CostLine| line.usd.map_or(f64::INFINITY, |usd| usd.expected);
    lines.sort_by(|a, b| size(b).total_cmp(&size(a)));
    site::Cost { total: total.usd, missing: total.missing, lines }
}

fn flags_of(estate: &Estate, tenant: &Tenant) -> Vec<site::Flag> {
    let flag = |(key, flag): (&String, &flags::Flag)| {
        let found = flags::evaluate(&estate.flags, key, &tenant.subject());
        let value = found.value.as_str().map_or_else(|| found.value.to_string(), str::to_owned);
        let description = flag.description.clone();
        site::Flag { key: key.clone(), value, reason: word(&found.reason).unwrap_or_default(), description }
    };
    estate.flags.flags.iter().map(flag).collect()
}

/// What something is called where it is written.
fn word<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

/// What a run did to a tenant.
fn events(run: &Run, tenant: &str) -> Vec<site::Event> {
    let Some(Entry { at, record: Record::Begun { by, command, release, stacks, .. } }) = run.begun() else {
        return Vec::new();
    };
    let event = |at: &str, outcome: String| site::Event {
        at: at.to_owned(),
        by: by.clone(),
        command: command.clone(),
        release: release.clone(),
        outcome,
    };
    let mut found = Vec::new();
    for entry in &run.entries {
        let outcome = match &entry.record {
            Record::Ended { tenant: of, outcome, .. } if of == tenant => plan::outcome(outcome),
            Record::Pushed { tenant: of, flag, after, reason, .. } if of == tenant => {
                format!("pushed {flag} = {after}: {reason}")
            }
            Record::Checked { drifted, .. } if drifted.iter().any(|of| of == tenant) => "drifted".to_owned(),
            Record::Checked { incomplete, .. } if incomplete.iter().any(|of| of == tenant) => "incomplete".to_owned(),
            _ => continue,
        };
        found.push(event(&entry.at, outcome));
    }
    if found.is_empty() && stacks.iter().any(|stack| stack.tenant == tenant) {
        found.push(event(at, "did not come to its end".to_owned()));
    }
    found.reverse();
    found
}

fn rings(estate: &Estate) -> Vec<site::Ring> {
    let stages = stages(estate, None);
    let ring = |ring: &tenantry_spec::estate::rings::Ring| {
        let own = stages.iter().filter(|stage| stage.ring.name == ring.name);
        let waves = own.scan(0, |reached, stage| {
            *reached += stage.tenants.len();
            Some(*reached)
        });
        let commands = ring.commands.iter().map(|command| command.name.clone());
        site::Ring {
            name: ring.name.to_string(),
            waves: waves.collect(),
            bake: ring.bake.clone(),
            gates: ring.gates.iter().filter_map(word).chain(commands).collect(),
        }
    };
    estate.fleet.rings.iter().map(ring).collect()
}

/// Every pool with what is taken of it: of a block that several pools have a part of, each shows its own.
fn pools(estate: &Estate) -> Vec<site::Pool> {
    let fleet = &estate.fleet;
    let mut blocks = taken(estate);
    blocks.sort_by_key(|block| (block.cidr.network(), block.cidr.prefix(), block.name.clone()));
    let all: Vec<Ipv4Network> = blocks.iter().map(|block| block.cidr).collect();
    let pool = |pool: &tenantry_spec::estate::spec::Pool| {
        let touches = |block: &&site::Block| pool.cidr.overlaps(block.cidr);
        // `room` counts all pools of a Region.
        let alone = Fleet { pools: vec![pool.clone()], ..fleet.clone() };
        let region = pool.regions.first().or_else(|| fleet.regions.keys().next());
        site::Pool {
            name: pool.name.clone(),
            cidr: pool.cidr,
            tenant_prefix: pool.tenant_prefix,
            regions: pool.regions.iter().map(ToString::to_string).collect(),
            free: region.map_or(0, |region| estate::room(&alone, &all, region)),
            blocks: blocks.iter().filter(touches).cloned().collect(),
        }
    };
    fleet.pools.iter().map(pool).collect()
}

/// Every block that `new` gives to nobody else.
fn taken(estate: &Estate) -> Vec<site::Block> {
    use site::{Block, Holder};
    let block = |cidr, holder, name: &str| Block { cidr, holder, name: name.to_owned() };
    let mut found: Vec<Block> = Vec::new();
    for tenant in estate.tenants.values() {
        let name = tenant.name.as_str();
        found.push(block(tenant.spec.network.cidr, Holder::Tenant, name));
        found.extend(tenant.spec.moved_from.iter().map(|old| block(old.cidr, Holder::Moving, name)));
    }
    found.extend(estate.fleet.retired.values().map(|retired| block(retired.cidr, Holder::Retired, &retired.tenant)));
    found.extend(estate.fleet.reserved.iter().map(|own| block(own.cidr, Holder::Reserved, &own.reason)));
    found
}

/// How far each place reaches, and its quotas; then what counts over all Regions of an account.
fn places(fit: &Fit) -> Vec<site::Headroom> {
    let runways = capacity::runways(fit);
    let mut found: Vec<site::Headroom> = Vec::new();
    let mut accounts: BTreeSet<String> = BTreeSet::new();
    for assessment in &fit.assessments {
        let runway = runways
            .iter()
            .find(|one| one.account == assessment.account && Some(&one.region) == assessment.region.as_ref());
        accounts.insert(assessment.account.to_string());
        found.push(site::Headroom {
            account: assessment.account.to_string(),
            region: assessment.region.as_ref().map(ToString::to_string),
            tenants: runway.map_or(assessment.stacks as u64, |runway| runway.tenants),
            more: runway.and_then(|runway| runway.more),
            binds: runway.and_then(|runway| runway.binds.clone()),
            upper_bound: runway.is_some_and(|runway| runway.upper_bound),
            limiting: assessment.next_wall.as_ref().map(quota),
            quotas: assessment.quotas.iter().filter(|quota| quota.holder.is_none()).map(quota).collect(),
        });
    }
    found.sort_by(|a, b| (&a.account, a.region.is_none(), &a.region).cmp(&(&b.account, b.region.is_none(), &b.region)));
    found
}

fn quota(usage: &QuotaUsage) -> site::Quota {
    site::Quota {
        id: usage.quota.clone(),
        name: usage.name.clone(),
        within: usage.within.clone(),
        used: usage.used.clone(),
        after: usage.after,
        limit: usage.limit,
        percent: usage.percent,
        adjustable: usage.adjustable,
        mark: mark(usage.level),
    }
}

fn unnamed(found: &Orphans) -> Vec<site::Orphan> {
    use tenantry_ops::survey::orphans::Monthly;
    let orphan = |one: &tenantry_ops::survey::orphans::Orphan| site::Orphan {
        stack: one.stack.clone(),
        tenant: one.tenant.clone(),
        account: one.place.account.to_string(),
        region: one.place.region.to_string(),
        status: one.status.clone(),
        why: crate::report::orphans::reason(one, "git"),
        usd: match &one.monthly {
            Monthly::Known { total } if total.missing.is_empty() => Some(total.usd.expected),
            _ => None,
        },
    };
    found.stacks.iter().map(orphan).collect()
}

fn unread(unread: &tenantry_ops::survey::orphans::Unread) -> String {
    match &unread.place {
        Some(place) => format!("stacks of {} in {}: {}", place.account, place.region, unread.why),
        None => unread.why.clone(),
    }
}
