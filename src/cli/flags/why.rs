//! `tenantry flags why`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Global, Output, flag, shown};
use crate::cli::opened::Opened;
use crate::cli::selection::tenant;
use tenantry_base::finding::Location;
use tenantry_spec::estate::{self, Document, Tenant};
use tenantry_spec::flags::{Evaluation, Flag, Reads, Step, Trace, evaluate, trace};

/// Show the value of a flag for a tenant and why: every step from the tenant's override to the default.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags why acme verbose-logs")]
pub(super) struct Args {
    tenant: String,
    flag: String,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer {
    /// Name of the tenant.
    tenant: String,
    #[serde(flatten)]
    evaluation: Evaluation,
    /// Evaluation steps in order, up to the one that decided.
    steps: Vec<Trace>,
    /// Place of the value that decided; null if it is not in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Location>,
    /// Why the value is not delivered to the functions; null if it is, or the templates read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    undelivered: Option<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let (tenant, flag) = (tenant(&opened.estate, &args.tenant)?, flag(&opened, &args.flag)?);
    let (catalogue, subject) = (&opened.estate.flags, tenant.subject());
    let evaluation = evaluate(catalogue, &args.flag, &subject);
    let document = estate::flags_document(&global.estate).ok();
    let answer = Answer {
        tenant: tenant.name.to_string(),
        steps: trace(catalogue, &args.flag, &subject),
        place: evaluation.step.and_then(|step| place(document.as_ref(), tenant, step, &args.flag)),
        undelivered: undelivered(&opened, tenant, flag),
        evaluation,
    };
    Output::new(global.output).show(&answer, text)?;
    Ok(Exit::Clean)
}

/// Where the value of a step stands.
pub(super) fn place(catalogue: Option<&Document>, tenant: &Tenant, step: Step, key: &str) -> Option<Location> {
    let route = step.route(key, &tenant.subject());
    match step {
        Step::Tenant => Some(tenant.locate(&route)),
        _ => catalogue.map(|document| document.locate(&route)),
    }
}

/// Functions do not see flags where their Region lacks the fact that the blueprint names.
fn undelivered(opened: &Opened, tenant: &Tenant, flag: &Flag) -> Option<String> {
    let needed = opened.estate.blueprint.artifacts.flags_need.as_ref().filter(|_| flag.reads == Reads::Runtime)?;
    let region = &tenant.spec.region;
    let given = opened.estate.fleet.regions.get(region)?.facts.get(needed).is_some_and(|fact| !fact.is_null());
    (!given).then(|| format!("region `{region}` has no `{needed}` in fleet.yaml, so functions take it for off"))
}

fn text(answer: &Answer) -> String {
    let evaluation = &answer.evaluation;
    let reason = serde_json::to_value(evaluation.reason).map(|reason| shown(&reason)).unwrap_or_default();
    let value = shown(&evaluation.value);
    let mut out = format!("{} is `{value}` for {}: {reason}\n", evaluation.flag_key, answer.tenant);
    for step in &answer.steps {
        let place = answer.place.as_ref().filter(|_| step.decided);
        let place = place.map(|at| format!(" ({}:{}:{})", at.source.path.display(), at.line, at.column));
        let sign = if step.decided { '>' } else { ' ' };
        out.push_str(&format!("  {sign} {}{}\n", step.finding, place.unwrap_or_default()));
    }
    let error = evaluation.error_message.iter().map(|error| format!("  ! {error}: the default holds\n"));
    out.extend(error.chain(answer.undelivered.iter().map(|why| format!("  ! {why}\n"))));
    out
}
