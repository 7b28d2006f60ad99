//! `tenantry completions`.

use clap::Args as ClapArgs;
use clap_complete::Shell;
use clap_complete::env::Shells;

use super::{Exit, Failure, Global, Output, complete};

/// Print the script that lets a shell complete commands, options, and the tenants, rings, accounts, regions, flags and releases of
/// the estate.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry completions zsh > ~/.zfunc/_tenantry")]
pub(super) struct Args {
    shell: Shell,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell.to_string()).ok_or_else(|| Failure::new("the shell is unknown"))?;
    shell.write_registration(complete::VARIABLE, "tenantry", "tenantry", "tenantry", &mut script)?;
    Output::new(global.output).text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Clean)
}
