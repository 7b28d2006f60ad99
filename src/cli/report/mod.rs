//! `tenantry report`.

mod parts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Deserialize;

use super::answers::Answer;
use super::fit::{self, Fit, Look};
use super::opened::{self, Release};
use super::progress::Spinner;
use super::standing::Standing;
use super::{Exit, Failure, Global, Output, Selection, checks, orphans, release};
use crate::report::groups::{self, counted};
use crate::report::release as words;
use crate::report::site::{self, Report, pages};
pub(super) use parts::network;
use tenantry_aws::cloud::{Cloud, Place, with_causes};
use tenantry_base::files;
use tenantry_checks::capacity::AccountRegion;
use tenantry_checks::cost::{Prices, bill};
use tenantry_checks::flow;
use tenantry_checks::handbook::{self, Handbook};
use tenantry_ops::deploy::flags as delivery;
use tenantry_ops::deploy::journal::{self, Run};
use tenantry_ops::deploy::status::{Line, status};
use tenantry_ops::deploy::{Desired, stacks};
use tenantry_ops::drift::record::Record as Checks;
use tenantry_ops::release::itinerary::calendar;
use tenantry_ops::release::record::Record;
use tenantry_ops::survey::{self, orphans::Orphans};
use tenantry_spec::estate::Estate;
use tenantry_spec::estate::rings::Opening;
use tenantry_template::render::{RenderedTenant, prepare};

/// Report on the fleet and each tenant as a static site: a page of the fleet and one of each tenant, with drawings.
///
/// The fleet: states, rings and releases, a map of the address pools, headroom with the limiting quota, cost, orphaned
/// stacks. A tenant: its network by zone and tier with addresses now, at the peak, with a zone lost and in a
/// deployment; its pipeline with queues and alarms; quotas, cost, flags and history. The site needs no server and no
/// network: open `index.html`.
///
/// The JSON answer (`-o json`) has everything on the pages, and `--from` draws them from it, without estate,
/// credentials and network. Changes nothing in AWS.
///
/// Exit code 0: everything could be read, or AWS was not asked (`--offline`, `--from`); 4: something is unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry report --html out/
  tenantry report -o json > report.json
  tenantry report --from report.json --html out/
  tenantry report acme --offline --svg acme.svg")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
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
    /// Maximum age of a drift check that counts.
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
        output.json(&report)?;
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
    if stored.schema != Report::SCHEMA {
        return Err(Failure::new(format!("{shown} is `{}` and not `{}`", stored.schema, Report::SCHEMA))
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
    roll: Result<Option<Record>, Failure>,
}

/// Makes a report from the estate and what AWS says now.
fn made(args: &Args, global: &Global) -> Result<(Report, Exit), Failure> {
    let look = Look { offline: args.offline, what_if: Vec::new() };
    let fit = fit::fit(global, &args.selection, &args.release, &look)?;
    let estate = &fit.opened.estate;
    let tenants = args.selection.select(estate)?;
    let spinner = Spinner::start("rendering");
    let rendered = fit.opened.render(&tenants, &args.release.release)?;
    let desired: Vec<Desired> = rendered.iter().map(|one| fit.opened.stack(one, &args.release)).collect();
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
    let roll = answers.as_ref().map(|answers| &answers.roll);
    let unread = roll.and_then(|roll| roll.as_ref().err());
    let roll_unread = unread.map(|failure| format!("the latest roll: {}", failure.lines().join("; ")));
    let report = Report {
        organisation: estate.fleet.organisation.clone(),
        release: args.release.release.clone(),
        made_at: now.as_second(),
        not_asked: args.offline.then(|| survey::OFFLINE.to_owned()),
        prices_of: prices.date.clone(),
        rings: parts::rings(estate),
        roll: roll.as_ref().and_then(|roll| roll.as_ref().ok()?.as_ref()).map(parts::roll),
        pools: parts::pools(estate),
        places: parts::places(&fit),
        tenants: made,
        orphans: orphans.map(parts::unnamed),
        unread: orphans.iter().flat_map(|found| &found.unread).map(parts::unread).chain(roll_unread).collect(),
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
    let roll = async { release::store(&cloud, &estate.fleet).await?.record().await.map_err(Failure::from) };
    Ok(Answers { lines, orphans, shared: checks::shared(&cloud, &estate.fleet).await.ok(), roll: roll.await })
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
            state: parts::state(standing.as_ref(), stacks::is_offboarded(&estate.fleet, tenant)),
            live: parts::live(line),
            checked: checked.map(parts::checked),
            opening: match calendar(estate, &tenant.name).opening(self.now) {
                Opening::Open => "may be changed now".to_owned(),
                Opening::At { at, why } => format!("not before {} ({why})", words::moment(at)),
                Opening::Never { why } => format!("never ({why})"),
            },
            network: network(self.fit, rendered),
            resources: groups::counts(parts::types(&tree)),
            flow: flow::flow(&tree),
            alarms: parts::alarms(handbook::annotated_alarms(self.book, &tree, &context), &flow::watched(&tree), line),
            cost: parts::cost(&bill(&tree, spec.region.as_str(), self.prices)),
            flags: parts::flags_of(estate, tenant),
            takes: takes.collect(),
            history: self.runs.iter().rev().flat_map(|run| parts::events(run, name)).take(MOST_EVENTS).collect(),
            stack,
        })
    }
}
