//! `tenantry alarms`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use globset::Glob;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::{self, Opened, Release};
use super::progress::Spinner;
use super::{Exit, Failure, Format, Global, Output, selection};
use crate::report::alarms as report;
use crate::report::screen::Screen;
use tenantry_aws::cloud::cloudwatch::{self, AlarmState};
use tenantry_aws::cloud::{Cloud, Place, cloudformation, with_causes};
use tenantry_checks::handbook::{self, Described, Handbook};
use tenantry_ops::deploy::{Desired, stacks};
use tenantry_spec::estate::spec::ControlPlane;
use tenantry_template::render::{Context, inputs, prepare};

/// Show every alarm of a tenant's stack: its state, reason, condition and threshold with the formula, and its runbook
/// entry for the tenant: what it means, what to check first, how to mitigate, and when to escalate.
///
/// Alarms in ALARM come first. Runbook entries are in `templates/handbook.yaml`.
///
/// Exit code 0: no alarm is in ALARM; 2: an alarm is in ALARM; 4: a state is unknown (not with `--offline`).
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry alarms acme
  tenantry alarms acme '*-depth'
  tenantry alarms --control-plane --offline -o markdown")]
pub(super) struct Args {
    /// The tenant.
    #[arg(value_name = "TENANT", required_unless_present = "control_plane")]
    tenant: Option<String>,
    /// Only these alarms, by name, logical ID or glob (`*-depth`).
    #[arg(value_name = "ALARM")]
    alarms: Vec<String>,
    /// Show those of the control plane in its account and Region instead of a tenant's.
    #[arg(long)]
    control_plane: bool,
    /// Without credentials and network: states are unknown.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    release: Release,
}

/// State of an alarm in CloudWatch.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct State {
    /// `ALARM`, `OK`, `INSUFFICIENT_DATA`.
    pub(crate) state: &'static str,
    /// Seconds since 1970.
    pub(crate) since: Option<i64>,
    /// CloudWatch's state reason.
    pub(crate) reason: String,
    #[serde(skip)]
    name: String,
}

/// The derived value that is a threshold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Formula {
    /// Name of the derived value in the blueprint.
    pub(crate) name: String,
    /// Unit of the value.
    pub(crate) unit: String,
    /// CEL expression from the blueprint.
    pub(crate) formula: String,
    /// Names and values of the formula's inputs.
    pub(crate) inputs: Vec<(String, String)>,
    /// Why the value is computed this way.
    pub(crate) why: String,
    /// Document behind the formula; empty if there is none.
    pub(crate) source: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) described: Described,
    /// Null if the state is unknown.
    pub(crate) state: Option<State>,
    /// How the threshold is derived; null if it is not a derived value.
    pub(crate) formula: Option<Formula>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Name of the tenant.
    pub(crate) tenant: String,
    /// Account and Region.
    pub(crate) place: Place,
    /// Why the states are unknown; null if they are known.
    pub(crate) unknown: Option<String>,
    /// Alarms of the stack, by logical ID.
    pub(crate) alarms: Vec<Row>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let spinner = Spinner::start("reading the estate");
    // After `--control-plane` the first name is that of an alarm.
    let named = args.tenant.iter().filter(|_| args.control_plane).chain(&args.alarms).cloned();
    let (name, alarms) = (args.tenant.clone().filter(|_| !args.control_plane), named.collect::<Vec<String>>());
    let opened = Opened::without_broken(global, name.as_slice())?;
    let handbook = Handbook::load(&global.estate).map_err(|found| opened::refused(&found, "the handbook"))?;
    let (desired, context) = match &name {
        Some(name) => of_tenant(&opened, name, args)?,
        None => of_control_plane(&opened, args)?,
    };
    let mut all = handbook::annotated_alarms(handbook.as_ref(), &serde_json::from_str(&desired.body)?, &context);
    select(&mut all, &alarms)?;
    spinner.next("asking AWS for states");
    let (mut states, unknown) = match args.offline {
        true => (BTreeMap::new(), Some("AWS was not asked (--offline)".to_owned())),
        false => match super::wait(states(&desired))? {
            Ok(states) => (states, None),
            Err(why) => (BTreeMap::new(), Some(why)),
        },
    };
    drop(spinner);
    let formulas = name.map_or_else(|| Ok(BTreeMap::new()), |name| formulas(&opened, &name))?;
    let mut rows: Vec<Row> = Vec::new();
    for mut described in all {
        let state = states.remove(&described.alarm.logical_id);
        // The name that CloudFormation gave.
        if let (None, Some(state)) = (&described.alarm.name, &state) {
            described.alarm.name = Some(state.name.clone());
        }
        let formula = described.derived.as_ref().and_then(|name| formulas.get(name)).cloned();
        rows.push(Row { described, state, formula });
    }
    rows.sort_by_key(|row| (report::order(row), row.described.alarm.logical_id.clone()));
    let answer = Answer { tenant: desired.tenant, place: desired.place, unknown, alarms: rows };
    let output = Output::new(global.output);
    match global.output {
        Format::Markdown => output.text(&report::markdown(&answer))?,
        _ => output.show(&answer, |answer| report::text(answer, Screen::current()))?,
    }
    Ok(exit(&answer, args.offline))
}

fn of_tenant(opened: &Opened, name: &str, args: &Args) -> Result<(Desired, Context), Failure> {
    let tenant = selection::tenant(&opened.estate, name)?;
    let desired = opened.desired(&[tenant], &args.release)?.pop();
    let desired = desired.ok_or_else(|| Failure::new(format!("tenant `{name}` was not rendered")))?;
    let prepared = prepare(&opened.estate, &opened.functions, &args.release.release, tenant);
    Ok((desired, prepared.map_err(|found| opened::refused(&found, "the tenant"))?.context))
}

/// The control plane in its own account and Region.
fn of_control_plane(opened: &Opened, args: &Args) -> Result<(Desired, Context), Failure> {
    let (fleet, name) = (&opened.estate.fleet, &args.release.release);
    let ControlPlane { account, region } = &fleet.control_plane;
    let context = Context::control_plane(fleet, account, region, None, name);
    let all = stacks::control_planes(&opened.renderer, fleet, &BTreeMap::new(), name)
        .map_err(|found| opened::refused(&found, "the control plane's template"))?;
    let own = all.into_iter().find(|one| one.place.account == *account && one.place.region == *region);
    let own = own.ok_or_else(|| {
        Failure::new(format!("the fleet has no account {account} or Region {region}, where its control plane is"))
    })?;
    Ok((Desired { access: stacks::access(fleet, account), ..own }, context))
}

/// The derived values of a tenant by name.
fn formulas(opened: &Opened, name: &str) -> Result<BTreeMap<String, Formula>, Failure> {
    let tenant = selection::tenant(&opened.estate, name)?;
    let inputs = inputs(&opened.estate, tenant, &opened.functions);
    let mut formulas: BTreeMap<String, Formula> = BTreeMap::new();
    for number in opened.estate.blueprint.evaluate(&inputs).explain() {
        let (name, unit) = (number.name.clone(), number.unit);
        let (formula, inputs, why, source) = (number.formula, number.inputs, number.why, number.source);
        formulas.insert(number.name, Formula { name, unit, formula, inputs, why, source });
    }
    Ok(formulas)
}

/// Keeps the alarms that were asked for; each name must be one's.
fn select(all: &mut Vec<Described>, wanted: &[String]) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Ok(());
    }
    let names = |one: &Described| [Some(one.alarm.logical_id.clone()), one.alarm.name.clone()];
    let mut kept = vec![false; all.len()];
    for text in wanted {
        let glob = Glob::new(text)?.compile_matcher();
        let mut found = false;
        for (index, one) in all.iter().enumerate() {
            if names(one).iter().flatten().any(|name| glob.is_match(name)) {
                (kept[index], found) = (true, true);
            }
        }
        if !found {
            let known: Vec<String> = all.iter().flat_map(|one| names(one).into_iter().flatten()).collect();
            return Err(Failure::absent("alarm", text, known.iter().map(String::as_str)));
        }
    }
    let mut kept = kept.into_iter();
    all.retain(|_| kept.next().unwrap_or(false));
    Ok(())
}

/// The states of a stack's alarms by logical ID; the reason why nothing is known.
async fn states(desired: &Desired) -> Result<BTreeMap<String, State>, String> {
    let cloud = Cloud::configure().await.map_err(|error| with_causes(&error))?.reading();
    let asked = async {
        let session = cloud.session(&desired.place, &desired.access).await?;
        let resources = cloudformation::resources(&session, &desired.stack).await?;
        let own = resources.into_iter().filter(|resource| handbook::is_alarm(&resource.resource_type));
        let ids: BTreeMap<String, String> = own.filter_map(|one| Some((one.physical_id?, one.logical_id))).collect();
        let names: Vec<String> = ids.keys().cloned().collect();
        let alarms = cloudwatch::alarms(&session, &names).await?;
        Ok::<_, tenantry_aws::cloud::CallError>((ids, alarms))
    };
    let (ids, alarms) = asked.await.map_err(|error| with_causes(&error))?;
    let of = |alarm: cloudwatch::Alarm| {
        let state = match alarm.state {
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        };
        // An ARN is the physical ID of some.
        let is_it = |id: &&String| **id == alarm.name || id.ends_with(&format!(":{}", alarm.name));
        let id = ids.keys().find(is_it).and_then(|id| ids.get(id))?.clone();
        Some((id, State { state, since: alarm.since, reason: alarm.reason, name: alarm.name }))
    };
    Ok(alarms.into_iter().filter_map(of).collect())
}

fn exit(answer: &Answer, offline: bool) -> Exit {
    let one = |row: &Row| match row.state.as_ref().map(|state| state.state) {
        Some("ALARM") => Exit::Changes,
        Some("OK") => Exit::Clean,
        None if offline => Exit::Clean,
        _ => Exit::Incomplete,
    };
    let worst = answer.alarms.iter().map(one).max().unwrap_or(Exit::Clean);
    // What is in ALARM is reported, whatever else is unknown.
    if answer.alarms.iter().any(report::is_firing) { Exit::Changes } else { worst }
}
