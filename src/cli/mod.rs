//! The command line: one file per subcommand, each of which parses its arguments, calls the stages, prints and gives
//! an exit code. Nothing outside this folder, `report` and `main.rs` writes to the terminal.

mod exit;
mod failure;
mod output;
mod replay;
mod selection;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use exit::Exit;
pub use failure::Failure;
pub use output::{Format, Output};
pub use selection::Selection;

/// One isolated AWS stack per customer, the same for everybody.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, propagate_version = true, after_help = exit::HELP)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Directory of the estate: it holds `tenants/fleet.yaml`.
    #[arg(long, short = 'C', global = true, value_name = "DIR", default_value = ".", env = "TENANTRY_ESTATE")]
    pub estate: PathBuf,
    /// Text for people or JSON for programs.
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub output: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(replay::Replay),
}

impl Cli {
    /// Runs the chosen command.
    pub fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Replay(replay) => replay.run(&self.global),
        }
    }
}
