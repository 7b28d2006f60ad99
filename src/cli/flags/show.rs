//! `tenantry flags show`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Global, Output, shown, table};
use crate::cli::opened::Opened;
use crate::report;
use tenantry_aws::cloud::Cloud;
use tenantry_ops::deploy::flags::{Delivery, survey};
use tenantry_spec::estate::Tenant;
use tenantry_spec::flags::{Evaluation, evaluate};

/// Show every flag of a tenant, or one flag for every tenant.
///
/// With `--live`, compares with the deployed configuration of AppConfig: a pushed flag differs until the change is
/// committed.
///
/// Exit code 0: nothing differs; 2: with `--live`, a flag differs; 4: AppConfig could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags show acme --live
  tenantry flags show verbose-logs")]
pub(super) struct Args {
    /// A tenant or a flag.
    name: String,
    /// Compare with AppConfig.
    #[arg(long)]
    live: bool,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer {
    /// By tenant and flag.
    evaluations: Vec<Line>,
    /// Flags in AppConfig; only with `--live`.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Delivery>,
}

#[derive(Serialize, JsonSchema)]
struct Line {
    /// Name of the tenant.
    tenant: String,
    #[serde(flatten)]
    evaluation: Evaluation,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let estate = &opened.estate;
    let one = |tenant: &Tenant, key: &String| Line {
        tenant: tenant.name.to_string(),
        evaluation: evaluate(&estate.flags, key, &tenant.subject()),
    };
    let tenant = estate.tenants.values().find(|tenant| tenant.name.as_str() == args.name);
    let (evaluations, live) = match (tenant, estate.flags.flags.get_key_value(&args.name)) {
        (Some(tenant), _) => {
            let evaluations = estate.flags.flags.keys().map(|key| one(tenant, key)).collect();
            let look = async {
                let cloud = Cloud::configure().await?.reading();
                Ok::<_, Failure>(survey(&cloud, estate, &[tenant], 1).await.into_values().next())
            };
            let live = if args.live { super::super::wait(look)?? } else { None };
            (evaluations, live)
        }
        (None, Some(_)) if args.live => {
            return Err(Failure::new("`--live` compares one tenant with AppConfig").with_hint("name a tenant"));
        }
        (None, Some((key, _))) => (estate.tenants.values().map(|tenant| one(tenant, key)).collect(), None),
        (None, None) => {
            let known = estate.tenants.keys().map(|name| name.as_str());
            return Err(Failure::absent(
                "tenant or flag",
                &args.name,
                known.chain(estate.flags.flags.keys().map(String::as_str)),
            ));
        }
    };
    let answer = Answer { evaluations, live };
    Output::new(global.output).show(&answer, |answer| text(answer, tenant.is_some()))?;
    Ok(answer.live.as_ref().map_or(Exit::Clean, exit))
}

/// What AppConfig has says to the shell.
pub(in crate::cli) fn exit(delivery: &Delivery) -> Exit {
    match delivery {
        Delivery::Read(pushed) if pushed.differences.is_empty() => Exit::Clean,
        Delivery::Read(_) | Delivery::NotDeployed => Exit::Changes,
        Delivery::Unknown { .. } => Exit::Incomplete,
    }
}

fn text(answer: &Answer, by_flag: bool) -> String {
    let reason = |line: &Line| serde_json::to_value(line.evaluation.reason).map(|reason| shown(&reason));
    let decided = |line: &Line| line.evaluation.flag_metadata.get("decidedBy").map(shown).unwrap_or_default();
    let rows = answer.evaluations.iter().map(|line| {
        let name = if by_flag { &line.evaluation.flag_key } else { &line.tenant };
        [name.clone(), shown(&line.evaluation.value), reason(line).unwrap_or_default(), decided(line)]
    });
    let first = if by_flag { "FLAG" } else { "TENANT" };
    let table = table([first, "VALUE", "REASON", "DECIDED BY"], rows);
    let live = answer.live.as_ref().map(report::flags::delivery).unwrap_or_default();
    format!("{table}{live}")
}
