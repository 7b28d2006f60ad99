//! `tenantry release plan`, and the plan that `roll` shows before it asks.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args as ClapArgs;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::pace::Pace;
use super::super::{Exit, Failure, Global, Output, opened, orphans};
use super::Zips;
use crate::report::screen::{Column, Screen, left};
use crate::report::{self, release as text};
use tenantry_aws::cloud::Cloud;
use tenantry_ops::deploy::{Action, Desired, Plan, StackPlan, prepare};
use tenantry_ops::release::itinerary::{Stage, calendar, may_be_release, stages};
use tenantry_ops::release::{Candidate, Repository};
use tenantry_ops::survey::orphans::Orphans;
use tenantry_spec::estate::rings::Opening;
use tenantry_spec::estate::{Field, field_changes};

/// Show what a roll would do: ring by ring, wave by wave, tenant by tenant.
///
/// Lists each tenant with its current release, the number of resources that change, whether its maintenance window is
/// open, and whether it can be rolled back; then the fields of tenants' files that another blueprint changes, and
/// stacks that the release does not name. Changes no resource.
///
/// Exit code 0: the release is everywhere; 2: there are tenants to deploy, or a stack that the release does not name;
/// 4: a stack could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release plan v1.2.0")]
pub(super) struct Args {
    /// The tag.
    #[arg(value_parser = crate::cli::tag_name)]
    release: String,
    #[command(flatten)]
    zips: Zips,
    #[command(flatten)]
    pace: Pace,
    /// Bake time of every ring, in place of the fleet's.
    #[arg(long, value_name = "TIME", value_parser = super::length_of_time)]
    bake: Option<SignedDuration>,
    /// Allow a ring without tenants.
    #[arg(long)]
    allow_empty_rings: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Itinerary {
    /// Git tag.
    release: String,
    /// Commit of the tag.
    commit: String,
    /// Waves of all rings, in the order of the rollout.
    stages: Vec<Wave>,
    /// Changes of its blueprint in the fields of tenants' files, by the tenants' current release; not known for releases
    /// that are not a tag.
    fields: BTreeMap<String, Vec<Field>>,
    /// Orphaned stacks, which the rollout does not change.
    pub(super) orphans: Orphans,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Wave {
    /// Name of the ring.
    ring: String,
    /// Number of the wave in its ring, from 1.
    wave: usize,
    /// Number of waves in the ring.
    waves: usize,
    /// Bake time after the last stack of the wave, in seconds.
    bake_seconds: i64,
    /// Gates that are evaluated during the bake time.
    gates: Vec<String>,
    /// Tenants of the wave.
    tenants: Vec<Line>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    /// Name of the tenant.
    tenant: String,
    /// Current release; null if the stack does not exist or could not be read.
    from: Option<String>,
    /// `nothing`, `update`, `create`, `blocked`, `unknown`.
    action: &'static str,
    /// Number of resources that change, or what blocks the tenant.
    detail: String,
    /// When the tenant may change.
    opening: Opening,
    /// Whether the tenant can be rolled back: its current release is a tag.
    way_back: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let repository = super::repository(global)?;
    let candidate = super::candidate_of_today(global, &repository, &args.release)?;
    super::no_empty_ring(&candidate, args.allow_empty_rings)?;
    let stages = stages(&candidate.estate, args.bake);
    let desired = candidate.desired(&candidate.tenants(), &args.zips.functions).map_err(super::of_candidate)?;
    let prices = opened::prices(&global.estate)?;
    let (plan, unnamed) = super::super::wait(async {
        let cloud = Cloud::configure().await?.reading();
        let plan = look(&cloud, &candidate, &desired, &args.pace).await;
        Ok::<_, Failure>((plan, orphans::scan(&cloud, &candidate.estate, &prices).await))
    })??;
    let itinerary = Itinerary::of(&repository, &candidate, &stages, &plan, unnamed, Timestamp::now());
    Output::new(global.output).show(&itinerary, Itinerary::text)?;
    Ok(super::super::plan::exit(&plan).max(orphans::exit(&itinerary.orphans)))
}

/// What every stack would get.
pub(super) async fn look(
    cloud: &Cloud,
    candidate: &Candidate,
    desired: &BTreeMap<String, Desired>,
    pace: &Pace,
) -> Plan {
    let desired: Vec<Desired> = desired.values().cloned().collect();
    prepare::plan(cloud, &candidate.name, &desired, pace.wait(), pace.concurrency()).await
}

const COLUMNS: [Column; 5] =
    [left("TENANT"), left("HAS"), left("ACTION"), left("DETAIL").broken(), left("NOTES").broken()];

impl Itinerary {
    pub(super) fn of(
        repository: &Repository,
        candidate: &Candidate,
        stages: &[Stage<'_>],
        plan: &Plan,
        orphans: Orphans,
        now: Timestamp,
    ) -> Self {
        let line = |name: &&tenantry_base::ids::TenantName| {
            let stack = plan.stacks.iter().find(|stack| stack.tenant == name.as_str());
            let unseen = plan.unseen.iter().find(|unseen| unseen.tenant == name.as_str());
            let opening = calendar(&candidate.estate, name).opening(now);
            match (stack, unseen) {
                (Some(stack), _) => Some(Line::of(repository, stack, opening)),
                (None, Some(unseen)) => Some(Line {
                    tenant: name.to_string(),
                    from: None,
                    action: "unknown",
                    detail: unseen.why.clone(),
                    opening,
                    way_back: false,
                }),
                // Another shard's.
                (None, None) => None,
            }
        };
        let from = plan.stacks.iter().filter_map(|stack| stack.baseline.release.as_deref());
        let from: BTreeSet<&str> = from.filter(|from| *from != candidate.name && may_be_release(from)).collect();
        let fields = from.into_iter().filter_map(|from| {
            let before = Candidate::of_tag(repository, from).ok()?;
            let fields = field_changes(&before.estate, &candidate.estate.blueprint, Some(&candidate.estate));
            (!fields.is_empty()).then(|| (from.to_owned(), fields))
        });
        let fields = fields.collect();
        let stages = stages.iter().map(|stage| Wave {
            ring: stage.ring.name.to_string(),
            wave: stage.wave,
            waves: stage.waves,
            bake_seconds: stage.bake.as_secs(),
            gates: gates(stage),
            tenants: stage.tenants.iter().filter_map(line).collect(),
        });
        Self {
            release: candidate.name.clone(),
            commit: candidate.commit.as_ref().map(ToString::to_string).unwrap_or_default(),
            stages: stages.collect(),
            fields,
            orphans,
        }
    }

    /// How many stacks would change.
    pub(super) fn work(&self) -> usize {
        let all = self.stages.iter().flat_map(|stage| &stage.tenants);
        all.filter(|line| !matches!(line.action, "nothing" | "unknown" | "blocked")).count()
    }

    pub(super) fn text(&self) -> String {
        let mut lines = format!("release {}, commit {}\n", self.release, self.commit);
        for stage in &self.stages {
            let gates = if stage.gates.is_empty() { "no gates".to_owned() } else { stage.gates.join(", ") };
            let bake = SignedDuration::from_secs(stage.bake_seconds);
            lines.push_str(&format!(
                "\nring {}, wave {} of {}: bakes {bake:#}, then {gates}\n",
                stage.ring, stage.wave, stage.waves
            ));
            lines.push_str(&Screen::current().table(2, &COLUMNS, stage.tenants.iter().map(Line::cells)));
        }
        for (from, fields) in &self.fields {
            lines.push_str(&format!("\nsince {from}, {}", report::fields::text(fields)));
        }
        if !self.orphans.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&report::orphans::of_release(&self.orphans, &self.release));
        lines
    }
}

/// Names of a stage's gates, as the estate writes them.
fn gates(stage: &Stage<'_>) -> Vec<String> {
    let name = |gate| serde_json::to_value(gate).ok()?.as_str().map(str::to_owned);
    let commands = stage.ring.commands.iter().map(|command| command.name.clone());
    stage.ring.gates.iter().filter_map(name).chain(commands).collect()
}

impl Line {
    fn of(repository: &Repository, stack: &StackPlan, opening: Opening) -> Self {
        let from = stack.baseline.release.clone();
        let way_back = from.as_ref().is_some_and(|from| may_be_release(from) && repository.tag(from).is_ok());
        let offboarded =
            stack.warnings.iter().map(|warning| warning.check.clone()).find(|check| check == prepare::OFFBOARDED);
        let (action, detail) = match &stack.action {
            Action::Nothing => ("nothing", offboarded.unwrap_or_default()),
            Action::Blocked { why, .. } => ("blocked", why.clone()),
            Action::Follow => ("update", "goes on".to_owned()),
            Action::Clear { .. } => ("create", "after what a failed creation left is deleted".to_owned()),
            // Only `rescue` plans it.
            Action::Recover { .. } => ("recover", String::new()),
            Action::Apply { changes, .. } if from.is_none() => ("create", text::count(changes.len(), "resource")),
            Action::Apply { changes, .. } => ("update", text::count(changes.len(), "change")),
        };
        Self { tenant: stack.tenant.clone(), from, action, detail, opening, way_back }
    }

    fn cells(&self) -> Vec<String> {
        let opening = match &self.opening {
            Opening::Open => String::new(),
            Opening::At { at, why } => format!("not before {} ({why})", text::moment(*at)),
            Opening::Never { why } => format!("never ({why})"),
        };
        let back = match (self.action, self.way_back, &self.from) {
            ("update", false, Some(from)) => format!("no way back: `{from}` is no tag"),
            _ => String::new(),
        };
        let from = self.from.clone().unwrap_or_else(|| "-".to_owned());
        let notes: Vec<String> = [opening, back].into_iter().filter(|note| !note.is_empty()).collect();
        vec![self.tenant.clone(), from, self.action.to_owned(), self.detail.clone(), notes.join("; ")]
    }
}
