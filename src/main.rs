//! Parse, run, exit code.

use std::process::{ExitCode, Termination};

use clap::Parser;
use clap_complete::CompleteEnv;
use tenantry::cli::{Cli, Exit, Failure, Format, complete};

/// The fleet's many small values take the system's allocator half of the time (`make bench-fleet`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    CompleteEnv::with_factory(complete::command).var(complete::VARIABLE).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let format = cli.global.output;
    match cli.run() {
        Ok(exit) => exit.report(),
        Err(failure) => {
            failure.report(format);
            failure.exit.report()
        }
    }
}

/// Help and version are answers; anything else is an error, and not the exit code that means changes.
fn misused(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Error } else { Exit::Clean };
    let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let format = Cli::format_asked(&arguments);
    if exit == Exit::Error && format == Format::Json {
        let text = error.render().to_string();
        let (said, usage) = text.split_once("\n\n").unwrap_or((&text, ""));
        let said = said.trim_start_matches("error: ").trim_end();
        Failure::new(said).with_hint(usage.trim_end()).report(format);
        return exit.report();
    }
    match error.print() {
        // Whoever closed the pipe wants no more.
        Ok(()) | Err(_) => exit.report(),
    }
}
