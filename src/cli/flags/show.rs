//! `tenantry flags show`.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::{Exit, Failure, Global, Output, absent, shown, table};
use crate::cli::opened::Opened;
use crate::cloud::Cloud;
use crate::deploy::flags::Pushed;
use crate::estate::Tenant;
use crate::flags::{Evaluation, evaluate};

/// Show every flag of a tenant, or one flag for every tenant.
///
/// With `--live` also what AppConfig has in force for the tenant's functions: a flag that was pushed differs from git
/// until git says the same. Exit code 2: it differs; 4: AppConfig could not be read.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// A tenant or a flag.
    name: String,
    /// Compare with AppConfig.
    #[arg(long)]
    live: bool,
}

#[derive(Serialize)]
struct Answer {
    evaluations: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Live>,
}

#[derive(Serialize)]
struct Line {
    tenant: String,
    #[serde(flatten)]
    evaluation: Evaluation,
}

/// What AppConfig has beside git.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Live {
    Read(Pushed),
    NotDeployed,
    Unknown { why: String },
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
            let live = args.live.then(|| super::super::wait(live(&opened, tenant))).transpose()?;
            (evaluations, live)
        }
        (None, Some(_)) if args.live => {
            return Err(Failure::new("`--live` compares one tenant with AppConfig").with_hint("name a tenant"));
        }
        (None, Some((key, _))) => (estate.tenants.values().map(|tenant| one(tenant, key)).collect(), None),
        (None, None) => {
            let known = estate.tenants.keys().map(|name| name.as_str());
            return Err(absent(
                "tenant or flag",
                &args.name,
                known.chain(estate.flags.flags.keys().map(String::as_str)),
            ));
        }
    };
    let answer = Answer { evaluations, live };
    Output::new(global.output).show("tenantry/flag-values/v1", &answer, |answer| text(answer, tenant.is_some()))?;
    Ok(answer.live.as_ref().map_or(Exit::Clean, exit))
}

/// What AppConfig has for a tenant.
async fn live(opened: &Opened, tenant: &Tenant) -> Live {
    match crate::deploy::flags::look(&Cloud::configure().await, &opened.estate, tenant).await {
        Ok(Some(in_force)) => Live::Read(crate::deploy::flags::pushed(&in_force, &opened.estate.delivered(tenant))),
        Ok(None) => Live::NotDeployed,
        Err(error) => Live::Unknown { why: error.to_string() },
    }
}

fn exit(live: &Live) -> Exit {
    match live {
        Live::Read(pushed) if pushed.differences.is_empty() => Exit::Clean,
        Live::Read(_) | Live::NotDeployed => Exit::Changes,
        Live::Unknown { .. } => Exit::Incomplete,
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
    let live = answer.live.as_ref().map(live_text).unwrap_or_default();
    format!("{table}{live}")
}

fn live_text(live: &Live) -> String {
    match live {
        Live::NotDeployed => "AppConfig has no flags of this tenant yet\n".to_owned(),
        Live::Unknown { why } => format!("unknown what AppConfig has: {why}\n"),
        Live::Read(pushed) if pushed.differences.is_empty() => {
            format!("AppConfig has the same (version {}, {})\n", pushed.version, pushed.state)
        }
        Live::Read(pushed) => crate::report::flags::pushed(pushed),
    }
}
