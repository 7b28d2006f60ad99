//! `--events`: what happens in a run, as lines of JSON for programs that follow it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Output, output};
use tenantry_base::files;
use tenantry_ops::release::roll::Happened;

/// Where the events of a run go.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct Stream {
    /// Append each event of the run to this file as a JSON line; with `-`, standard output has only the events and the
    /// answer, a JSON line each.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

/// The open stream of a run.
#[derive(Debug, Default)]
pub(super) enum Events {
    #[default]
    Nowhere,
    Printed,
    File(Mutex<File>),
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Line<'a> {
    /// When, in UTC.
    at: String,
    /// Name of the run, as in the journal.
    run: &'a str,
    #[serde(flatten)]
    event: &'a Happened,
}

impl Stream {
    /// To be called before anything is printed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn open(&self) -> io::Result<Events> {
        match self.events.as_deref() {
            None => Ok(Events::Nowhere),
            Some(path) if path == Path::new("-") => {
                Output::lines_only();
                Ok(Events::Printed)
            }
            Some(path) => Ok(Events::File(Mutex::new(files::append(path)?))),
        }
    }
}

impl Events {
    /// Writes a line; one that cannot be written stops no deploy.
    pub(super) fn write(&self, run: &str, event: &Happened) {
        if matches!(self, Self::Nowhere) {
            return;
        }
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let Ok(line) = output::line(&Line { at, run, event }) else { return };
        let _written = match self {
            Self::Nowhere => Ok(()),
            Self::Printed => io::stdout().lock().write_all(line.as_bytes()),
            Self::File(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()),
        };
    }
}
