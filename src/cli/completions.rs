//! `tenantry completions`.

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, Failure, Global, Output};

/// Print the completion script for a shell.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry completions zsh > ~/.zfunc/_tenantry")]
pub(super) struct Args {
    shell: Shell,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tenantry", &mut script);
    Output::new(global.output).text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Clean)
}
