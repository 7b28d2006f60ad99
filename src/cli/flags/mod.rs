//! `tenantry flags`.

mod change;
pub(super) mod lint;
pub(super) mod list;
pub(super) mod preview;
pub(super) mod push;
mod retire;
pub(super) mod show;
pub(super) mod why;

use clap::{Args as ClapArgs, Subcommand};

use super::opened::Opened;
use super::{Exit, Failure, Global, Output};
use crate::report::screen::{Screen, left};
use tenantry_spec::flags::Flag;

/// Show feature flags, their value and evaluation reason for each tenant, and change them.
///
/// Flags are defined in `policies/flags.yaml` with their targeting rules and rollouts; overrides of a tenant are in its
/// file. Every change is an edit of YAML to be reviewed in git, except `push`, which applies an urgent change directly.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags show acme
  tenantry flags set acme verbose-logs true
  tenantry flags rollout search-slow-logs 25%")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Why(why::Args),
    Set(change::Set),
    Unset(change::Unset),
    Rollout(change::Rollout),
    Retire(retire::Args),
    Lint(lint::Args),
    Push(push::Args),
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    match &args.command {
        Command::List(args) => list::run(args, global),
        Command::Show(args) => show::run(args, global),
        Command::Why(args) => why::run(args, global),
        Command::Set(args) => args.run(global),
        Command::Unset(args) => args.run(global),
        Command::Rollout(args) => args.run(global),
        Command::Retire(args) => retire::run(args, global),
        Command::Lint(args) => lint::run(args, global),
        Command::Push(args) => push::run(args, global),
    }
}

/// The flag of that key.
fn flag<'o>(opened: &'o Opened, key: &str) -> Result<&'o Flag, Failure> {
    let flags = &opened.estate.flags.flags;
    flags.get(key).ok_or_else(|| Failure::absent("flag", key, flags.keys().map(String::as_str)))
}

/// A value as people read it.
fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Rows below a heading, without lines.
fn table<const N: usize>(heading: [&'static str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    Screen::current().table(0, &heading.map(|heading| left(heading).broken()), rows.map(Vec::from))
}
