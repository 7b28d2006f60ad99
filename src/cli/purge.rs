//! `tenantry destroy --purge`: the second step of an offboarding, which deletes what the stack has retained.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;

use super::log::{Intent, Log};
use super::opened::Opened;
use super::run::confirmed;
use super::{Exit, Failure, Global, Output, destroy, guard, offboarded};
use crate::report::groups::counted;
use tenantry_aws::cloud::{Access, Cloud, Place, Session, ec2};
use tenantry_base::finding::Source;
use tenantry_base::ids::{AccountId, Region, TenantName};
use tenantry_checks::resources;
use tenantry_ops::deploy::Desired;
use tenantry_ops::deploy::contents::Contents;
use tenantry_ops::deploy::destroy::remains;
use tenantry_ops::deploy::durations::Durations;
use tenantry_ops::deploy::events::Outcome;
use tenantry_ops::deploy::journal::{Planned, Record};
use tenantry_ops::deploy::lock::LockError;
use tenantry_ops::deploy::locks::{Locks, LocksError};
use tenantry_ops::deploy::ownership::OwnershipError;
use tenantry_ops::deploy::prepare::Pace;
use tenantry_ops::deploy::purge::{Deletion, How, Left, Leftover, Leftovers, PurgeError, Tried, look, purge};
use tenantry_spec::estate::{Estate, edit};
use tenantry_template::render::names;

/// What the command line says.
pub(super) struct Asked<'a> {
    pub(super) tenant: &'a TenantName,
    pub(super) account: Option<&'a AccountId>,
    pub(super) region: Option<&'a Region>,
    pub(super) confirm: Option<&'a str>,
    pub(super) role: Option<&'a str>,
    pub(super) how: How,
    pub(super) wait_for_lock: u64,
    pub(super) remove_spec: bool,
}

/// How a purge waits.
pub(super) fn how(pace: Pace, key_days: u8) -> How {
    How { poll: pace.poll, deadline: pace.deadline, key_days }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer<'a> {
    /// Name of the tenant.
    tenant: &'a TenantName,
    /// Account and Region of the deleted stack.
    place: Place,
    /// Attempted deletions, in order of completion.
    tried: Vec<Tried>,
    /// Resources that were not deleted, and why.
    other: Vec<Left>,
    /// ARNs that the tagging API still lists with the tenant's tags, possibly for deleted resources; null if they could not
    /// be listed.
    remains: Option<Vec<String>>,
    /// Address blocks that were removed from `retired` in `fleet.yaml`.
    #[schemars(with = "Vec<String>")]
    freed: Vec<Ipv4Network>,
    /// Whether the tenant's file was deleted.
    spec_removed: bool,
}

pub(super) fn run(asked: &Asked<'_>, opened: &Opened, global: &Global) -> Result<Exit, Failure> {
    let answer = super::wait(purged(asked, opened))??;
    let failed = answer.tried.iter().any(|one| matches!(one.deletion, Deletion::Failed { .. }));
    let exit = match failed {
        true => Exit::Error,
        false if !answer.other.is_empty() => Exit::Changes,
        false => Exit::Clean,
    };
    Output::new(global.output).show(&answer, text)?;
    Ok(exit)
}

async fn purged<'a>(asked: &Asked<'a>, opened: &Opened) -> Result<Answer<'a>, Failure> {
    let (estate, fleet) = (&opened.estate, &opened.estate.fleet);
    let place = place(asked, estate)?;
    let cloud = Cloud::configure().await?;
    let access = Access { role: asked.role.map(str::to_owned), external_id: None };
    let session = cloud.session(&place, &access).await.map_err(|error| {
        Failure::new(error).with_hint("name with `--role` a role of the account that may delete what is retained")
    })?;
    let identity = Desired::identity(&fleet.organisation, &fleet.identity(), asked.tenant.as_str());
    let stack = names::stack(&fleet.organisation, asked.tenant.as_str());
    let found = look(&session, &stack, &identity, SystemTime::now()).await.map_err(refused)?;
    let mut answer = Answer {
        tenant: asked.tenant,
        place: place.clone(),
        tried: Vec::new(),
        other: found.other.clone(),
        remains: None,
        freed: Vec::new(),
        spec_removed: false,
    };
    if !found.owned.is_empty() {
        confirm(asked, &found)?;
        let claim = guard::claim(&guard::run_name(), format!("purge of {}", asked.tenant));
        let wait = Duration::from_secs(asked.wait_for_lock);
        let locks = match Locks::take(&cloud, fleet, &[place.account.clone()].into(), &claim, wait).await {
            Err(error @ (LocksError::Lock(LockError::NoControlPlane { .. }) | LocksError::NotOurs(_))) => {
                anstream::eprintln!("not locked: {error}");
                Locks::default()
            }
            taken => taken.map_err(guard::failure)?,
        };
        let tried = logged(asked, opened, &session, &identity, &found, (&stack, &claim.run)).await;
        let released = guard::release(locks).await;
        answer.tried = tried?;
        released?;
    }
    answer.remains = match remains(&session, &identity).await {
        Ok(arns) => Some(arns),
        Err(error) => {
            anstream::eprintln!("what remains is unknown: {error}");
            None
        }
    };
    answer.freed = free(asked, estate, &session).await?;
    if let Some(tenant) = estate.tenants.get(asked.tenant).filter(|_| asked.remove_spec)
        && destroy::nothing_left(&session, tenant).await?
    {
        tenantry_base::files::remove(&estate.root.join(&tenant.source.path))?;
        answer.spec_removed = true;
    }
    Ok(answer)
}

/// Takes the tenant's blocks in which no VPC exists any more out of the retired ones of `fleet.yaml`.
async fn free(asked: &Asked<'_>, estate: &Estate, session: &Session) -> Result<Vec<Ipv4Network>, Failure> {
    let (tenant, place) = (asked.tenant.as_str(), &session.place);
    let own = estate.fleet.retired.iter().filter(|(_, retired)| {
        retired.tenant == tenant && retired.account == place.account && retired.region == place.region
    });
    let own: Vec<_> = own.collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let standing = ec2::vpc_cidrs(session).await?;
    let mut source = offboarded::source(&estate.root)?;
    let mut freed = Vec::new();
    for (key, retired) in own {
        if standing.iter().all(|(_, block)| *block != retired.cidr) {
            let text = edit::unset(&source, &format!("retired.{key}"))?;
            source = Arc::new(Source { path: source.path.clone(), text });
            freed.push(retired.cidr);
        }
    }
    if !freed.is_empty() {
        super::write_file(&estate.root.join(&source.path), &source.text)?;
    }
    Ok(freed)
}

fn refused(error: PurgeError) -> Failure {
    match error {
        PurgeError::Ownership(error @ OwnershipError::NotOurs { .. }) => Failure::ownership(error),
        PurgeError::Exists { .. } => {
            Failure::new(error).with_exit(Exit::Refused).with_hint("run `tenantry destroy` without `--purge` first")
        }
        error => Failure::new(error),
    }
}

/// Where the tenant's stack was: as typed, as `fleet.yaml` has an offboarded tenant, or as its file has it.
fn place(asked: &Asked<'_>, estate: &Estate) -> Result<Place, Failure> {
    let offboarded = estate.fleet.offboarded.get(asked.tenant).map(|was| (&was.account, &was.region));
    let spec = estate.tenants.get(asked.tenant).map(|tenant| (&tenant.spec.account, &tenant.spec.region));
    let known = offboarded.or(spec);
    let account = asked.account.or(known.map(|(account, _)| account));
    let region = asked.region.or(known.map(|(_, region)| region));
    match (account, region) {
        (Some(account), Some(region)) => Ok(Place { account: account.clone(), region: region.clone() }),
        _ => Err(Failure::new(format!("git does not say where the stack of `{}` was", asked.tenant))
            .with_hint("say it with `--account` and `--region`")),
    }
}

/// Says what is deleted and what is not, and asks for the tenant's name.
fn confirm(asked: &Asked<'_>, found: &Leftovers) -> Result<(), Failure> {
    anstream::eprintln!("{} would be deleted, with everything in them:", counted(found.owned.len(), "resource"));
    for one in &found.owned {
        let is_network = resources::table().group(&one.resource_type).1 == "network";
        let contents = match &one.contents {
            Contents::Empty | Contents::Definition => String::new(),
            _ if is_network => String::new(),
            Contents::Holds { what } => format!(": {what}"),
            Contents::Unknown { why } => format!(": contents unknown: {why}"),
        };
        anstream::eprintln!("  - {} {}{contents}", one.resource_type, one.id);
    }
    if found.owned.iter().any(Leftover::is_key) {
        anstream::eprintln!(
            "a key is deleted {} days later; until then `aws kms cancel-key-deletion` restores it",
            asked.how.key_days
        );
    }
    for left in &found.other {
        anstream::eprintln!("  not deleted: {}: {}", left.resource, left.why);
    }
    let name = asked.tenant.as_str();
    let confirmed = match asked.confirm {
        Some(typed) => typed == name,
        None => confirmed(&format!("Delete for good what is left of {name}?"), name)?,
    };
    if confirmed { Ok(()) } else { Err(Failure::new("not confirmed, nothing was deleted").with_exit(Exit::Refused)) }
}

/// Deletes with a journal.
async fn logged(
    asked: &Asked<'_>,
    opened: &Opened,
    session: &Session,
    identity: &BTreeMap<String, String>,
    found: &Leftovers,
    (stack, run): (&str, &str),
) -> Result<Vec<Tried>, Failure> {
    let (tenant, place) = (asked.tenant.to_string(), session.place.clone());
    let planned =
        Planned { tenant: tenant.clone(), place: place.clone(), stack: stack.to_owned(), action: "purge".to_owned() };
    let intent = Intent { command: "purge", release: "-", plan: "-", stacks: vec![planned] };
    let log = Log::open(&opened.estate.root, run, intent, &[])?;
    let seen = |tried: &Tried| {
        anstream::eprint!("{}", line(tried));
        let failed = match &tried.deletion {
            Deletion::Failed { why } => Some(why.clone()),
            _ => None,
        };
        log.write(Record::Called { call: format!("delete {} {}", tried.resource_type, tried.id), failed });
    };
    let tried = purge(session, identity, found, asked.how, &seen).await;
    let failed = tried.iter().find_map(|one| match &one.deletion {
        Deletion::Failed { why } => Some(format!("{} {}: {why}", one.resource_type, one.id)),
        _ => None,
    });
    let outcome = failed.map_or(Outcome::Done, |why| Outcome::Broken { why, hint: None });
    log.write(Record::Ended { tenant, place, outcome, seconds: Durations::new() });
    log.finish()?;
    Ok(tried)
}

fn line(tried: &Tried) -> String {
    let Tried { resource_type, id, deletion } = tried;
    let what = match deletion {
        Deletion::Deleted { versions: 0 } => "deleted".to_owned(),
        Deletion::Deleted { versions } => format!("deleted with {versions} versions of objects"),
        Deletion::Scheduled { days } => format!("deleted in {days} days"),
        Deletion::Failed { why } => format!("not deleted: {why}"),
    };
    format!("  {resource_type} {id}: {what}\n")
}

fn text(answer: &Answer<'_>) -> String {
    let failed = answer.tried.iter().filter(|one| matches!(one.deletion, Deletion::Failed { .. })).count();
    let scheduled = answer.tried.iter().filter(|one| matches!(one.deletion, Deletion::Scheduled { .. })).count();
    let deleted = answer.tried.len() - failed - scheduled;
    let spec = if answer.spec_removed { ", its file is removed" } else { "" };
    let left = failed + answer.other.len();
    let mut out = format!(
        "{}: {} deleted, {} scheduled for deletion, {left} left{spec}\n",
        answer.tenant,
        counted(deleted, "resource"),
        counted(scheduled, "key")
    );
    out.extend(answer.freed.iter().map(|block| format!("{block} is free again in tenants/fleet.yaml\n")));
    for left in &answer.other {
        out.push_str(&format!("  left: {}: {}\n", left.resource, left.why));
    }
    if failed > 0 {
        out.push_str("run the same command again once the reasons are gone\n");
    }
    if let Some(remains) = answer.remains.as_ref().filter(|remains| !remains.is_empty()) {
        out.push_str(&format!(
            "the Tagging API still lists {}, `{}` first: tags outlive a resource for a while, and a key keeps its own until it \
             is deleted\n",
            counted(remains.len(), "resource"),
            remains[0]
        ));
    }
    out
}
