//! `tenantry release status`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::{Exit, Failure, Global, Output, opened, orphans};
use crate::report::screen::{Column, Screen, left};
use crate::report::{self, release as text};
use tenantry_aws::cloud::Cloud;
use tenantry_ops::release::Repository;
use tenantry_ops::release::record::Record;
use tenantry_ops::release::repository::Distance;
use tenantry_ops::release::skew::{Running, running};
use tenantry_ops::survey::orphans::Orphans;
use tenantry_spec::estate;

/// Show which tenants run which release, since when, and the steps of the latest rollout.
///
/// Orphaned stacks are listed with their cost.
///
/// Exit code 0: the whole fleet runs one release, no stack is orphaned and no rollout is unfinished; 2: one of these
/// does not hold; 4: something could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release status
  tenantry release status --steps 100")]
pub(super) struct Args {
    /// Number of steps of the latest rollout to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    steps: usize,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer {
    /// Release of each tenant's stack.
    tenants: Vec<Running>,
    /// Orphaned stacks.
    orphans: Orphans,
    /// Tenants by release.
    releases: Vec<Share>,
    /// Record of the latest rollout; null before the first, and if it could not be read.
    roll: Option<Record>,
    /// Why the record of the latest rollout could not be read; null if it was.
    roll_unread: Option<String>,
}

/// Tenants with the same release.
#[derive(Serialize, JsonSchema)]
struct Share {
    /// Release of the stacks; `none` for tenants without one.
    release: String,
    /// Number of tenants with this release.
    tenants: usize,
    /// Name of the first of these tenants.
    example: String,
    /// Distance to the latest rollout's release; null if git cannot tell.
    distance: Option<Distance>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let (estate, found) = opened::load(&global.estate)?;
    let estate = estate.ok_or_else(|| opened::refused(&found, "the estate"))?;
    let prices = opened::prices(&global.estate)?;
    let (tenants, roll, orphans) = super::super::wait(async {
        let cloud = Cloud::configure().await?.reading();
        let roll = async { super::store(&cloud, &estate.fleet).await?.record().await.map_err(Failure::from) };
        Ok::<_, Failure>((running(&cloud, &estate).await, roll.await, orphans::scan(&cloud, &estate, &prices).await))
    })??;
    let (roll, roll_unread) = match roll {
        Ok(roll) => (roll, None),
        Err(failure) => (None, Some(failure.lines().join("; "))),
    };
    let releases = shares(Repository::open(&global.estate).ok().as_ref(), &tenants, roll.as_ref());
    let answer = Answer { tenants, orphans, releases, roll, roll_unread };
    Output::new(global.output).show(&answer, |answer| text_of(answer, args.steps, Timestamp::now()))?;
    if estate::has_errors(&found) {
        anstream::eprintln!(
            "warning: the estate has errors, and tenants with errors are left out: run `tenantry validate`"
        );
        return Ok(Exit::Incomplete);
    }
    Ok(exit(&answer))
}

fn exit(answer: &Answer) -> Exit {
    let tenants = if answer.roll_unread.is_some() || answer.tenants.iter().any(|tenant| tenant.unread.is_some()) {
        Exit::Incomplete
    } else if answer.releases.len() > 1
        || answer.tenants.iter().any(|tenant| tenant.not_ours.is_some())
        || answer.roll.as_ref().is_some_and(|roll| !roll.is_done())
    {
        Exit::Changes
    } else {
        Exit::Clean
    };
    tenants.max(orphans::exit(&answer.orphans))
}

fn shares(repository: Option<&Repository>, tenants: &[Running], roll: Option<&Record>) -> Vec<Share> {
    let mut by_release: BTreeMap<&str, Vec<&Running>> = BTreeMap::new();
    for tenant in tenants.iter().filter(|tenant| tenant.unread.is_none()) {
        by_release.entry(tenant.release.as_deref().unwrap_or("none")).or_default().push(tenant);
    }
    let distance = |release: &str| {
        let (repository, target) = (repository?, roll.map(|roll| roll.release.as_str())?);
        let (from, to) = (repository.tag(release).ok()?, repository.tag(target).ok()?);
        (release != target).then(|| repository.distance(&from, &to).ok()).flatten()
    };
    let share = |(release, of): (&str, Vec<&Running>)| Share {
        release: release.to_owned(),
        tenants: of.len(),
        example: of.first().map(|tenant| tenant.tenant.clone()).unwrap_or_default(),
        distance: distance(release),
    };
    by_release.into_iter().map(share).collect()
}

fn text_of(answer: &Answer, steps: usize, now: Timestamp) -> String {
    const COLUMNS: [Column; 8] = [
        left("TENANT"),
        left("RING").hidden(1),
        left("ACCOUNT").hidden(2),
        left("REGION").hidden(3),
        left("RELEASE"),
        left("FOR"),
        left("STACK"),
        left("ROLL").broken(),
    ];
    let rows = answer.tenants.iter().map(|tenant| {
        let dash = || "-".to_owned();
        let since = tenant.since.map(|since| text::ago(now.as_second() - since));
        vec![
            tenant.tenant.clone(),
            tenant.ring.clone(),
            tenant.place.account.to_string(),
            tenant.place.region.to_string(),
            tenant.release.clone().unwrap_or_else(dash),
            since.unwrap_or_else(dash),
            stack(tenant),
            part(answer.roll.as_ref(), tenant),
        ]
    });
    let mut lines = Screen::current().table(0, &COLUMNS, rows);
    lines.push('\n');
    for share in &answer.releases {
        let target = answer.roll.as_ref().map_or("", |roll| roll.release.as_str());
        let distance = share.distance.as_ref().map(|distance| {
            let (ahead, files) = (text::commits(distance.ahead), text::count(distance.files.len(), "file"));
            let (release, tenant) = (&share.release, &share.example);
            format!(", {ahead} and {files} from {target}: `tenantry release diff {release} {target} --tenant {tenant}`")
        });
        let tenants = text::count(share.tenants, "tenant");
        lines.push_str(&format!("release {}: {tenants}{}\n", share.release, distance.unwrap_or_default()));
    }
    lines.push_str(&report::orphans::text(&answer.orphans));
    match (&answer.roll, &answer.roll_unread) {
        (Some(roll), _) => {
            lines.push_str(&format!("\nthe roll of {} is {}\n", roll.release, roll.state()));
            lines.push_str(&text::story(&roll.journal, steps));
        }
        (None, Some(why)) => lines.push_str(&format!("\nthe latest roll cannot be read: {why}\n")),
        (None, None) => lines.push_str("\nnothing has been rolled yet\n"),
    }
    lines
}

/// How the stack is, or why that is not known.
fn stack(tenant: &Running) -> String {
    let not_ours = tenant.not_ours.as_ref().map(|why| format!("not owned by this estate: {why}"));
    let status = tenant.unread.clone().or(not_ours).or_else(|| tenant.status.clone());
    status.unwrap_or_else(|| "not deployed".to_owned())
}

/// What the latest roll did with a tenant.
fn part(roll: Option<&Record>, tenant: &Running) -> String {
    let Some(roll) = roll else { return "-".to_owned() };
    let from = roll.came_from.get(&tenant.tenant);
    match (from, tenant.release.as_deref() == Some(&roll.release)) {
        (Some(from), true) => format!("came from {}", from.release.as_deref().unwrap_or("nothing")),
        (Some(_), false) => "taken back".to_owned(),
        (None, true) => "in place".to_owned(),
        (None, false) => "not reached".to_owned(),
    }
}
