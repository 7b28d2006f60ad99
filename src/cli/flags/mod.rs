//! `tenantry flags`.

mod change;
mod lint;
mod list;
mod preview;
mod push;
mod retire;
pub(super) mod show;
mod why;

use clap::{Args as ClapArgs, Subcommand};

use super::opened::Opened;
use super::{Exit, Failure, Global, Output};
use crate::report::screen::{Screen, left};
use tenantry_spec::flags::Flag;

/// Soft releases: what each flag is for whom and why, and changing it.
///
/// Flags stand in `policies/flags.yaml` with their rules and rollouts; a tenant's own values stand in its file. Every
/// change is one of YAML that git can review, but `push`, which cannot wait.
#[derive(Debug, ClapArgs)]
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
