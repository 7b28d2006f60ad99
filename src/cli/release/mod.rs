//! `tenantry release`: one file per subcommand.

pub(super) mod back;
mod cut;
pub(super) mod diff;
mod pause;
pub(super) mod plan;
pub(super) mod roll;
pub(super) mod status;
pub(super) mod verify;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use jiff::SignedDuration;

use super::{Exit, Failure, Global, guard, opened};
use tenantry_aws::cloud::Cloud;
use tenantry_checks::resources;
use tenantry_ops::release::itinerary::empty_rings;
use tenantry_ops::release::store::{Store, StoreError};
use tenantry_ops::release::{Candidate, CandidateError, Repository, RepositoryError};
use tenantry_spec::estate::rings::duration;
use tenantry_spec::estate::spec::Fleet;

/// Roll out releases, which are git tags, to the fleet ring by ring, and roll them back.
///
/// A release is rendered from its tag and never from the work tree. `cut` writes its manifest; `roll` deploys it to the
/// rings in waves, evaluates the gates for the bake time of each wave, and rolls a failed wave back.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release cut v1.2.0
  tenantry release plan v1.2.0
  tenantry release roll v1.2.0")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Cut(cut::Args),
    Verify(verify::Args),
    Plan(plan::Args),
    Roll(roll::Args),
    Resume(roll::ResumeArgs),
    Pause(pause::Args),
    Status(status::Args),
    Rollback(back::Args),
    Diff(diff::Args),
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    resources::install(&global.estate).map_err(|found| opened::refused(&found, "the table of resource types"))?;
    match &args.command {
        Command::Cut(args) => cut::run(args, global),
        Command::Verify(args) => verify::run(args, global),
        Command::Plan(args) => plan::run(args, global),
        Command::Roll(args) => roll::run(args, global),
        Command::Resume(args) => roll::resume(args, global),
        Command::Pause(args) => pause::run(args, global),
        Command::Status(args) => status::run(args, global),
        Command::Rollback(args) => back::run(args, global),
        Command::Diff(args) => diff::run(args, global),
    }
}

/// Where the functions' zips lie.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Release")]
struct Zips {
    /// Directory of the functions' zips, each named by its SHA-256.
    #[arg(long, value_name = "DIR", default_value = "target/functions", env = "TENANTRY_FUNCTIONS")]
    functions: PathBuf,
}

fn repository(global: &Global) -> Result<Repository, Failure> {
    Repository::open(&global.estate).map_err(of_git)
}

pub(super) fn of_git(error: RepositoryError) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// A release that cannot be opened; findings are printed.
pub(super) fn of_candidate(error: CandidateError) -> Failure {
    match error {
        CandidateError::Repository(error) => of_git(error),
        CandidateError::Findings { release, found } => opened::refused(&found, &format!("release `{release}`")),
        error @ CandidateError::Files { .. } => Failure::new(error),
    }
}

/// The store of releases. Another estate's control plane is refused.
pub(super) async fn store(cloud: &Cloud, fleet: &Fleet) -> Result<Store, Failure> {
    Store::open(cloud, fleet).await.map_err(guard::failure)
}

fn of_store(error: StoreError) -> Failure {
    match error {
        StoreError::Refused(refusal) => {
            let hint = refusal.hint();
            let failure = Failure::new(refusal).with_exit(Exit::Refused);
            match hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        }
        error => Failure::new(error),
    }
}

fn candidate(repository: &Repository, release: &str) -> Result<Candidate, Failure> {
    Candidate::of_tag(repository, release).map_err(of_candidate)
}

/// The release of a tag, with what is offboarded by now: the work tree says it, since no tag does.
fn candidate_of_today(global: &Global, repository: &Repository, release: &str) -> Result<Candidate, Failure> {
    let mut candidate = candidate(repository, release)?;
    if let (Some(estate), _) = opened::load(&global.estate)? {
        candidate.estate.fleet.offboarded = estate.fleet.offboarded;
    }
    Ok(candidate)
}

/// A manifest of the estate's folder `releases`.
fn manifest_path(global: &Global, release: &str) -> PathBuf {
    global.estate.join("releases").join(format!("{release}.json"))
}

/// A length of time on the command line, as the estate writes it.
fn length_of_time(text: &str) -> Result<SignedDuration, String> {
    duration(text).ok_or_else(|| "must be a number and a unit: `90s`, `30m`, `2h`, `1d`".to_owned())
}

/// Refuses a fleet in which a ring has no tenant.
fn no_empty_ring(candidate: &Candidate, allowed: bool) -> Result<(), Failure> {
    let empty: Vec<String> = empty_rings(&candidate.estate).iter().map(|ring| format!("`{}`", ring.name)).collect();
    if allowed || empty.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("ring {} has no tenants, so no canary would check a release there", empty.join(", ")))
        .with_exit(Exit::Refused)
        .with_hint("add a tenant to the ring or remove it from `fleet.yaml`; `--allow-empty-rings` continues without"))
}
