//! `tenantry man`.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Exit, Failure, Global};
use tenantry_base::{atomic, files};

/// Write a manual page for each command into a directory.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry man ~/.local/share/man/man1")]
pub(super) struct Args {
    /// Directory of the pages, which is created if it does not exist.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn run(args: &Args, _: &Global) -> Result<Exit, Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    files::create_folder(&args.directory)?;
    write(command, &args.directory)?;
    Ok(Exit::Clean)
}

/// Writes the page of a command and those of the commands below it.
fn write(command: clap::Command, directory: &Path) -> Result<(), Failure> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write(inner.clone(), directory)?;
    }
    let page = Man::new(command).source(concat!("tenantry ", env!("CARGO_PKG_VERSION"))).manual("Tenantry");
    let mut text = Vec::new();
    page.render(&mut text)?;
    atomic::replace(&directory.join(page.get_filename()), &text)?;
    Ok(())
}
