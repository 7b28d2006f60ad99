//! Parse, run, exit code.

use std::process::{ExitCode, Termination};

use clap::Parser;
use tenantry::cli::{Cli, Exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    match cli.run() {
        Ok(exit) => exit.report(),
        Err(failure) => {
            for line in failure.lines() {
                anstream::eprintln!("{line}");
            }
            failure.exit.report()
        }
    }
}

/// Help and version are answers; anything else is an error, and not the exit code that means changes.
fn misused(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Error } else { Exit::Clean };
    match error.print() {
        // Whoever closed the pipe wants no more.
        Ok(()) | Err(_) => exit.report(),
    }
}
