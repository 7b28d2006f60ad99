//! `tenantry destroy`.

use std::time::Duration;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::log::{Intent, Log};
use super::opened::{self, Opened};
use super::pace::Waiting;
use super::run::{LockWait, confirmed};
use super::{Exit, Failure, Global, Output, guard, selection};
use crate::cloud::{Cloud, Place, Session, ec2};
use crate::cost::{self, Prices, Total};
use crate::deploy::destroy::{DestroyError, Farewell, Gone, Retained, destroy, look};
use crate::deploy::events::Outcome;
use crate::deploy::journal::{Planned, Record};
use crate::deploy::lock::LockError;
use crate::deploy::locks::{Locks, LocksError};
use crate::deploy::stacks;
use crate::estate::Tenant;
use crate::estate::ids::TenantName;
use crate::render::names;
use crate::report::cost::usd;

/// Offboard a customer: say what stays, ask for the tenant's name, delete the stack.
///
/// Data stays: the key, the landing bucket, the search domain, the VPC and its subnets are retained and go on costing
/// money until somebody deletes them. The tenant's file and its address block stay too, until nothing of it is left.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    tenant: TenantName,
    /// The tenant's name again, instead of being asked for it.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Remove the tenant's file as well, which frees its address block; refused while its VPC exists.
    #[arg(long)]
    remove_spec: bool,
    /// Leave a resource behind that a deletion has failed at (repeatable); only once the stack is DELETE_FAILED.
    #[arg(long, value_name = "LOGICAL_ID")]
    retain: Vec<String>,
    #[command(flatten)]
    lock: LockWait,
    #[command(flatten)]
    pace: Waiting,
}

#[derive(Serialize)]
struct Answer {
    tenant: TenantName,
    gone: Gone,
    retained: Vec<Retained>,
    /// What the retained resources go on costing.
    stays: Option<Stays>,
    spec_removed: bool,
}

/// What goes on costing money after a stack is gone, USD a month.
#[derive(Serialize)]
struct Stays {
    prices_of: String,
    /// As long as it stands.
    standing: Total,
    /// Objects in the landing bucket at first; their lifecycle ends them.
    objects: f64,
}

impl Stays {
    fn of(farewell: &Farewell, region: &str, prices: &Prices) -> Self {
        let kept = farewell.retained.iter().map(|kept| kept.logical_id.as_str());
        let standing = cost::bill_of_the_rest(&farewell.template, kept, region, prices).total();
        let whole = cost::bill(&farewell.template, region, prices);
        let stored = whole.lines.iter().filter(|line| line.item == "s3-gib-month");
        let objects = stored.filter_map(|line| line.usd).map(|usd| usd.expected).sum();
        Self { prices_of: prices.date.clone(), standing, objects }
    }

    fn sentence(&self) -> String {
        let bound = if self.standing.missing.is_empty() { "" } else { "at least " };
        let standing = usd(self.standing.usd.low);
        let stored = usd(self.objects);
        format!(
            "what stays costs {bound}{standing} USD a month until somebody deletes it, and stored objects about \
             {stored} USD a month at first, until their lifecycle ends them (prices of {})",
            self.prices_of
        )
    }
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let tenant = selection::tenant(&opened.estate, args.tenant.as_str())?;
    let prices = opened::prices(&global.estate)?;
    let answer = super::wait(offboard(args, &opened, tenant, &prices))??;
    let exit = match answer.gone {
        Gone::Deleted => Exit::Clean,
        Gone::Failed { .. } => Exit::Error,
        Gone::StillDeleting => Exit::Incomplete,
    };
    if answer.spec_removed {
        std::fs::remove_file(global.estate.join(&tenant.source.path))?;
    }
    Output::new(global.output).show("tenantry/destroy/v1", &answer, text)?;
    Ok(exit)
}

async fn offboard(args: &Args, opened: &Opened, tenant: &Tenant, prices: &Prices) -> Result<Answer, Failure> {
    let fleet = &opened.estate.fleet;
    let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
    let cloud = Cloud::configure().await;
    let session = cloud.session(&place, &stacks::access(fleet, &place.account)).await?;
    let stack = names::stack(&fleet.organisation, tenant.name.as_str());
    let (gone, retained, stays) = match look(&session, &stack).await? {
        None => (Gone::Deleted, Vec::new(), None),
        Some(farewell) => {
            let stays = Stays::of(&farewell, place.region.as_str(), prices);
            confirm(args, &farewell, &stays)?;
            (delete(&cloud, args, opened, &session, &farewell).await?, farewell.retained, Some(stays))
        }
    };
    let spec_removed = args.remove_spec && gone == Gone::Deleted && nothing_left(&session, tenant).await?;
    Ok(Answer { tenant: tenant.name.clone(), gone, retained, stays, spec_removed })
}

/// Deletes the stack under the account's lock, with a journal.
async fn delete(
    cloud: &Cloud,
    args: &Args,
    opened: &Opened,
    session: &Session,
    farewell: &Farewell,
) -> Result<Gone, Failure> {
    let (name, tenant, place) = (guard::run_name(), args.tenant.to_string(), session.place.clone());
    let claim = guard::claim(&name, format!("destroy of {tenant}"));
    let patience = Duration::from_secs(args.lock.wait_for_lock);
    let accounts = [place.account.clone()].into();
    let locks = match Locks::take(cloud, &opened.estate.fleet, &accounts, &claim, patience).await {
        // Without a bucket nothing can be deployed in the account, so there is nothing to lock against.
        Err(LocksError::Lock(error @ LockError::NoControlPlane { .. })) => {
            anstream::eprintln!("not locked: {error}");
            Locks::default()
        }
        taken => taken.map_err(guard::failure)?,
    };
    let action = "delete".to_owned();
    let planned = Planned { tenant: tenant.clone(), place: place.clone(), stack: farewell.stack.clone(), action };
    let intent = Intent { command: "destroy", release: "-", plan: "-", stacks: vec![planned] };
    let log = Log::open(&opened.estate.root, &name, intent, &[])?;
    let gone =
        locks.during(destroy(session, farewell, &args.retain, args.pace.unwatched())).await.map_err(guard::failure)?;
    log.write(Record::Ended { tenant, place, outcome: outcome(&gone) });
    log.finish()?;
    Ok(gone?)
}

fn outcome(gone: &Result<Gone, DestroyError>) -> Outcome {
    match gone {
        Ok(Gone::Deleted) => Outcome::Done,
        Ok(Gone::StillDeleting) => Outcome::StillRunning,
        Ok(Gone::Failed { resource, reason }) => Outcome::Failed {
            status: "DELETE_FAILED".to_owned(),
            resource: resource.clone(),
            reason: reason.clone(),
            remedy: None,
        },
        Err(error) => Outcome::Broken { why: crate::cloud::with_causes(error), hint: None },
    }
}

/// Says what stays and asks for the tenant's name.
fn confirm(args: &Args, farewell: &Farewell, stays: &Stays) -> Result<(), Failure> {
    anstream::eprintln!("stack {}: {} resources are deleted; these stay:", farewell.stack, farewell.deleted);
    for kept in &farewell.retained {
        let id = kept.physical_id.as_deref().unwrap_or("-");
        anstream::eprintln!("  {} {} {id}", kept.logical_id, kept.resource_type);
    }
    anstream::eprintln!("{}", stays.sentence());
    let name = args.tenant.as_str();
    let confirmed = match &args.confirm {
        Some(typed) => typed == name,
        None => confirmed(&format!("Destroy {name}?"), name)?,
    };
    if confirmed { Ok(()) } else { Err(Failure::new("not confirmed, nothing was deleted").with_exit(Exit::Refused)) }
}

/// Whether no VPC has the tenant's block any more.
async fn nothing_left(session: &Session, tenant: &Tenant) -> Result<bool, Failure> {
    let blocks = ec2::vpc_cidrs(session).await?;
    match blocks.iter().find(|(_, block)| *block == tenant.spec.network.cidr) {
        Some((vpc, block)) => {
            anstream::eprintln!("the file stays: {vpc} still has {block}");
            Ok(false)
        }
        None => Ok(true),
    }
}

fn text(answer: &Answer) -> String {
    let what = match &answer.gone {
        Gone::Deleted => "the stack is gone".to_owned(),
        Gone::Failed { resource, reason } => {
            let at = resource.as_deref().unwrap_or("the stack");
            format!(
                "the deletion failed at {at}: {reason}; run the command again, with `--retain {at}` to leave it behind"
            )
        }
        Gone::StillDeleting => "the stack is still being deleted: network interfaces of functions are released up to \
                                40 minutes after them; run the same command again"
            .to_owned(),
    };
    let kept = answer.retained.len();
    let spec = if answer.spec_removed { ", its file is removed and its block is free" } else { "" };
    let money = answer.stays.as_ref().map(|stays| format!("{}\n", stays.sentence())).unwrap_or_default();
    format!("{}: {what}, {kept} resources stay{spec}\n{money}", answer.tenant)
}
