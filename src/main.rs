//! Parse, run, exit code.

use std::process::{ExitCode, Termination};

use clap::Parser;
use tenantry::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(exit) => exit.report(),
        Err(failure) => {
            for line in failure.lines() {
                anstream::eprintln!("{line}");
            }
            failure.exit.report()
        }
    }
}
