//! `tenantry functions`: the zips of the functions that the estate's lock names.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Global, Output, opened};
use tenantry_aws::http;
use tenantry_base::digest::sha256;
use tenantry_base::finding::Severity;
use tenantry_base::{atomic, files};
use tenantry_ops::deploy::zips::{self, ZipError};
use tenantry_template::embedded;
use tenantry_template::render::{Artifact, Functions};

/// Where the zips of this release are; set by whoever builds a release.
const RELEASE_URL: Option<&str> = option_env!("TENANTRY_RELEASE_URL");

/// Fetch and verify the functions' zips, which the first deploy uploads.
///
/// The estate's lock, `pipeline/functions.lock.json`, names each by its SHA-256, so what is fetched is what was reviewed,
/// wherever it comes from.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry functions fetch
  tenantry functions fetch --from ./functions
  tenantry functions verify")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(Fetch),
    Verify(Verify),
}

/// Download the missing zips into the directory of zips.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry functions fetch
  tenantry functions fetch --from ./functions")]
struct Fetch {
    /// A URL or directory that has them as `SHA256.zip`. Default: `functions` beside the program, as in a release's
    /// archive, or else the program's own release.
    #[arg(long, value_name = "URL|DIR", env = "TENANTRY_FUNCTIONS_FROM")]
    from: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

/// Compare the zips in the directory with the estate's lock.
///
/// Exit code 0: all are as locked; 2: one is missing or differs.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry functions verify")]
struct Verify {
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, ClapArgs)]
struct Folder {
    /// Directory of the functions' zips, each named by its SHA-256.
    #[arg(long, value_name = "DIR", default_value = "target/functions", env = "TENANTRY_FUNCTIONS")]
    functions: PathBuf,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Directory of the zips.
    folder: PathBuf,
    /// One entry per zip of the lock.
    functions: Vec<Line>,
}

#[derive(Serialize, JsonSchema)]
struct Line {
    /// Name of the function.
    function: String,
    /// Digest of the zip, lower-case hexadecimal, as in the lock.
    sha256: String,
    /// Result for the zip.
    state: State,
    /// Why the zip is unusable; null if it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Fetched,
    Missing,
    Different,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let (estate, findings) = opened::load(&global.estate)?;
    let Some(estate) = estate else {
        let of_fleet: Vec<_> = findings.into_iter().filter(|found| found.severity == Severity::Error).collect();
        return Err(opened::refused(&of_fleet, "the estate"));
    };
    let locked = embedded::functions(&global.estate, &estate.blueprint)
        .map_err(|found| opened::refused(&[found], "the functions' lock"))?;
    let (folder, fetched) = match &args.command {
        Command::Fetch(fetch) => {
            let fetched = super::wait(fetch_all(&locked, fetch.from.as_deref(), &fetch.folder.functions))??;
            (&fetch.folder.functions, fetched)
        }
        Command::Verify(verify) => (&verify.folder.functions, Vec::new()),
    };
    let answer = Answer { folder: folder.clone(), functions: lines(&locked, folder, &fetched) };
    let all_there = answer.functions.iter().all(|line| matches!(line.state, State::Ok | State::Fetched));
    Output::new(global.output).show(&answer, text)?;
    Ok(if all_there { Exit::Clean } else { Exit::Changes })
}

fn lines(locked: &Functions, folder: &Path, fetched: &[String]) -> Vec<Line> {
    let faults = zips::verify(locked, folder);
    let one = |(function, artifact): (&String, &Artifact)| {
        let fault = faults.iter().find(|fault| match fault {
            ZipError::Unreadable { function: other, .. } | ZipError::Different { function: other, .. } => {
                other == function
            }
        });
        let state = match fault {
            Some(ZipError::Unreadable { .. }) => State::Missing,
            Some(ZipError::Different { .. }) => State::Different,
            None if fetched.contains(function) => State::Fetched,
            None => State::Ok,
        };
        let why = fault.map(ToString::to_string);
        Line { function: function.clone(), sha256: artifact.sha256.clone(), state, why }
    };
    locked.artifacts.iter().map(one).collect()
}

/// Fetches what is missing; gives the names of those functions.
async fn fetch_all(locked: &Functions, from: Option<&str>, folder: &Path) -> Result<Vec<String>, Failure> {
    let missing: Vec<String> = zips::missing(locked, folder).into_iter().map(str::to_owned).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    let from = source(from)?;
    for function in &missing {
        let Some(artifact) = locked.artifacts.get(function) else { continue };
        let bytes = read(&from, artifact).await?;
        let actual = sha256(&bytes);
        if actual != artifact.sha256 {
            return Err(Failure::new(format!(
                "`{from}` gives another zip of the {function} function: its SHA-256 is {actual}, the lock names {}",
                artifact.sha256
            )));
        }
        files::create_folder(folder)?;
        atomic::replace(&zips::path(folder, artifact), &bytes)?;
    }
    Ok(missing)
}

/// Where zips are fetched from.
fn source(from: Option<&str>) -> Result<String, Failure> {
    if let Some(from) = from {
        return Ok(from.to_owned());
    }
    // Where the archive was unpacked, also when a link to the program is on the path.
    let program = std::env::current_exe()?.canonicalize()?;
    let beside = program.parent().map(|parent| parent.join("functions")).filter(|folder| folder.is_dir());
    match (beside, RELEASE_URL) {
        (Some(folder), _) => Ok(folder.display().to_string()),
        (None, Some(url)) => Ok(url.to_owned()),
        (None, None) => Err(Failure::new("this program is not of a release, so it does not know where zips are")
            .with_hint("name a URL or directory with `--from`, or build them: `make functions`")),
    }
}

async fn read(from: &str, artifact: &Artifact) -> Result<Vec<u8>, Failure> {
    let name = format!("{}.zip", artifact.sha256);
    if from.starts_with("https://") || from.starts_with("http://") {
        return Ok(http::download(&format!("{}/{name}", from.trim_end_matches('/'))).await?);
    }
    Ok(files::read(&Path::new(from).join(name))?)
}

fn text(answer: &Answer) -> String {
    let line = |line: &Line| {
        let state = match line.state {
            State::Ok => "ok",
            State::Fetched => "fetched",
            State::Missing => "missing",
            State::Different => "different",
        };
        format!("{state:10}{:12}{}\n", line.function, line.sha256)
    };
    let lines: String = answer.functions.iter().map(line).collect();
    if lines.is_empty() { "the blueprint has no functions\n".to_owned() } else { lines }
}
