//! `tenantry flags list`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Global, Output, shown, table};
use crate::cli::opened::Opened;
use tenantry_spec::flags::{Flag, State, values};

/// List every flag with its description, owner and how many tenants have it on.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags list")]
pub(super) struct Args {}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer<'a> {
    /// Flags of the catalogue, by key.
    flags: Vec<Line<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Line<'a> {
    /// Key of the flag.
    key: &'a str,
    #[serde(flatten)]
    flag: &'a Flag,
    /// Number of tenants for which it is on: `true`, or for strings and numbers any value but the default.
    on: usize,
    /// Number of tenants in the fleet.
    tenants: usize,
}

pub(super) fn run(_: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let estate = &opened.estate;
    let fleet: Vec<_> = estate.tenants.values().map(|tenant| values(&estate.flags, &tenant.subject())).collect();
    let line = |(key, flag): (&'_ String, &'_ Flag)| {
        fleet.iter().filter(|values| values.get(key).is_some_and(|value| flag.is_on(value))).count()
    };
    let flags = estate.flags.flags.iter();
    let flags = flags.map(|(key, flag)| Line { key, flag, on: line((key, flag)), tenants: fleet.len() }).collect();
    Output::new(global.output).show(&Answer { flags }, |answer| {
        table(
            ["FLAG", "KIND", "TYPE", "READS", "DEFAULT", "ON FOR", "RULES", "EXPIRES", "OWNER"],
            answer.flags.iter().map(row),
        )
    })?;
    Ok(Exit::Clean)
}

fn row(line: &Line<'_>) -> [String; 9] {
    let flag = line.flag;
    [
        line.key.to_owned(),
        word(&flag.kind),
        word(&flag.value_type),
        word(&flag.reads),
        shown(&flag.default),
        format!("{} of {}", line.on, line.tenants),
        rules(flag),
        flag.expires.clone().unwrap_or_else(|| "-".to_owned()),
        flag.owner.clone(),
    ]
}

/// An enumerated value by its name in YAML.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).map(|value| shown(&value)).unwrap_or_default()
}

/// Everything that decides before the default, but tenants' own values.
fn rules(flag: &Flag) -> String {
    if flag.state == State::Disabled {
        return "disabled".to_owned();
    }
    let groups = [&flag.rules.rings, &flag.rules.accounts, &flag.rules.regions];
    let rules = groups.into_iter().flatten().map(|(name, value)| format!("{name}: {}", shown(value)));
    let rollout = flag.rollout.iter().map(|rollout| format!("{} %: {}", rollout.percent, shown(&rollout.value)));
    let all: Vec<String> = rules.chain(rollout).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}
