//! `tenantry unlock`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened;
use super::run::confirmed;
use super::{Exit, Failure, Global, Output, guard};
use tenantry_aws::cloud::Cloud;
use tenantry_base::finding::{Finding, Severity};
use tenantry_base::ids::AccountId;
use tenantry_ops::deploy::lock::Shelf;
use tenantry_ops::deploy::locks;

/// Force-unlock an account's deploy lock; without an account, show every lock.
///
/// The lock of a killed run expires a minute after its last renewal. A run whose lock is removed stops as if
/// interrupted.
///
/// Exit code 0: the lock is removed, or all locks are shown; 3: not confirmed; 4: a lock could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry unlock
  tenantry unlock 111122223333")]
pub(super) struct Args {
    /// The account whose lock is removed.
    account: Option<AccountId>,
    /// Do not ask for approval.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// One entry per account.
    locks: Vec<Line>,
}

#[derive(Serialize, JsonSchema)]
struct Line {
    /// Account ID, 12 digits.
    account: AccountId,
    /// Owner, age and purpose of the lock; null if the account is not locked.
    held: Option<String>,
    /// Whether the lock was removed.
    removed: bool,
    /// Why the lock could not be read; null if it was.
    unknown: Option<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let (estate, findings) = opened::load(&global.estate)?;
    // Locks are the accounts': no tenant's file decides anything about them.
    let of_fleet = |one: &&Finding| one.tenant.is_none() && one.severity == Severity::Error;
    let Some(estate) = estate.filter(|_| findings.iter().find(of_fleet).is_none()) else {
        return Err(opened::refused(&findings, "the estate"));
    };
    let fleet = &estate.fleet;
    let locks = super::wait(async {
        let cloud = Cloud::configure().await?;
        let Some(account) = &args.account else { return Ok(every(&cloud, fleet).await) };
        if !fleet.accounts.contains_key(account) {
            return Err(Failure::new(format!("account {account} is not in `fleet.yaml`")));
        }
        let (session, bucket) = locks::shelf(&cloud, fleet, account).await.map_err(guard::failure)?;
        let shelf = Shelf { session: &session, bucket: &bucket };
        let held = shelf.look().await.map_err(guard::failure)?.map(|held| held.said(shelf.now()));
        let Some(said) = &held else { return Ok(vec![line(account, held, false)]) };
        if !args.yes && !confirmed(&format!("Take the lock of {account} from {said}?"), "yes")? {
            return Err(Failure::new("not confirmed, the lock is unchanged").with_exit(Exit::Refused));
        }
        let removed = shelf.remove().await.map_err(guard::failure)?.is_some();
        Ok(vec![line(account, held, removed)])
    })??;
    let exit = if locks.iter().any(|line| line.unknown.is_some()) { Exit::Incomplete } else { Exit::Clean };
    Output::new(global.output).show(&Answer { locks }, |answer| answer.locks.iter().map(text).collect())?;
    Ok(exit)
}

async fn every(cloud: &Cloud, fleet: &tenantry_spec::estate::spec::Fleet) -> Vec<Line> {
    let locks = guard::locks(cloud, fleet).await.into_iter();
    let shown = locks.map(|(account, found)| match found {
        Ok(held) => line(&account, held, false),
        Err(why) => Line { account, held: None, removed: false, unknown: Some(why) },
    });
    shown.collect()
}

fn line(account: &AccountId, held: Option<String>, removed: bool) -> Line {
    Line { account: account.clone(), held, removed, unknown: None }
}

fn text(line: &Line) -> String {
    let account = &line.account;
    match (&line.held, &line.unknown) {
        (_, Some(why)) => format!("{account}: not known: {why}\n"),
        (Some(held), _) if line.removed => format!("{account}: unlocked, it was locked by {held}\n"),
        (Some(held), _) => format!("{account}: locked by {held}\n"),
        (None, None) => format!("{account}: not locked\n"),
    }
}
