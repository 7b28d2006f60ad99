//! `tenantry destroy`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args as ClapArgs;
use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;

use super::log::{Intent, Log};
use super::opened::{self, Opened};
use super::pace::Waiting;
use super::run::{self, LockWait, confirmed};
use super::{Exit, Failure, Global, Output, guard, offboarded, orphans, purge};
use crate::report::cost::usd;
use tenantry_aws::cloud::{Access, Cloud, Place, Session, ec2};
use tenantry_base::finding::Source;
use tenantry_base::ids::{AccountId, Region, TenantName};
use tenantry_checks::cost::{self, Prices, Total};
use tenantry_ops::deploy::apply::{Options, Tolerance};
use tenantry_ops::deploy::contents::Contents;
use tenantry_ops::deploy::destroy::{DeletionPlan, DestroyError, Lost, Retained, look, plan, remains};
use tenantry_ops::deploy::events::Outcome;
use tenantry_ops::deploy::journal::Planned;
use tenantry_ops::deploy::lock::LockError;
use tenantry_ops::deploy::locks::{Locks, LocksError};
use tenantry_ops::deploy::{Desired, Plan, stacks};
use tenantry_ops::survey::orphans::Orphan;
use tenantry_spec::estate::spec::Retired;
use tenantry_spec::estate::{Estate, Tenant, edit};
use tenantry_template::render::names;

/// Offboard a customer: show what is deleted and what is retained, ask for the tenant's name, delete the stack.
///
/// Resources that the template retains (keys, buckets, databases, the VPC and its subnets) are kept and billed until
/// they are purged. A stateful resource that is deleted must be named, unless it is known to be empty. The tenant's
/// file and its address block are kept until all of its resources are deleted. An orphaned stack (see `tenantry
/// status`) is offboarded without a file.
///
/// `--purge` is the second step, once the stack is deleted: it deletes the retained resources with their data. Only
/// resources with the tenant's own tags are deleted. S3 Object Lock is not bypassed; keys are deleted after a waiting
/// period.
///
/// Exit code 0: deleted; 1: the deletion failed; 2: with `--purge`, a resource is left; 3: locked, refused or not
/// confirmed; 4: the deletion is still in progress, or what is retained is unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry destroy acme
  tenantry destroy acme --purge --role OrganizationAccountAccessRole
  tenantry destroy acme --purge --confirm acme")]
pub(super) struct Args {
    /// Name of the tenant, or of the tenant that the stack's tags name.
    tenant: TenantName,
    /// Account of the stack, where git does not name it there.
    #[arg(long)]
    account: Option<AccountId>,
    /// Region of the stack, where git does not name it there.
    #[arg(long)]
    region: Option<Region>,
    /// The tenant's name, to confirm without being asked.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Allow this stateful resource, by logical ID, to be deleted with its data.
    #[arg(long, value_name = "LOGICAL_ID")]
    allow_delete: Vec<String>,
    /// Remove the tenant's file as well, which frees its address block; refused while its VPC exists.
    #[arg(long)]
    remove_spec: bool,
    /// Retain a resource that the deletion failed at (repeatable); only once the stack is DELETE_FAILED.
    #[arg(long, value_name = "LOGICAL_ID")]
    retain: Vec<String>,
    /// Delete the retained resources, once the stack is deleted. Asks for the tenant's name again.
    #[arg(long, conflicts_with_all = ["allow_delete", "retain"])]
    purge: bool,
    /// With `--purge`, the role to assume in the account: no role of the control plane may delete what is retained. Without
    /// it the caller's own credentials must be those of the account.
    #[arg(long, value_name = "NAME", requires = "purge")]
    role: Option<String>,
    /// With `--purge`, days for which a key can still be restored.
    #[arg(long, value_name = "DAYS", default_value_t = 30, requires = "purge",
        value_parser = clap::value_parser!(u8).range(7..=30))]
    key_days: u8,
    #[command(flatten)]
    lock: LockWait,
    #[command(flatten)]
    pace: Waiting,
}

impl Args {
    /// What a second step needs to know.
    fn purge(&self) -> purge::Asked<'_> {
        purge::Asked {
            tenant: &self.tenant,
            account: self.account.as_ref(),
            region: self.region.as_ref(),
            confirm: self.confirm.as_deref(),
            role: self.role.as_deref(),
            how: purge::how(self.pace.unwatched(), self.key_days),
            wait_for_lock: self.lock.wait_for_lock,
            remove_spec: self.remove_spec,
        }
    }
}

/// The stack that is deleted.
struct Target<'e> {
    place: Place,
    access: Access,
    stack: String,
    /// The tenant, where git has it at this place.
    tenant: Option<&'e Tenant>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Name of the tenant.
    tenant: TenantName,
    /// How the deletion of the stack ended.
    gone: Gone,
    /// Stateful resources that were deleted.
    lost: Vec<Lost>,
    /// Resources that were retained.
    retained: Vec<Retained>,
    /// ARNs of resources that still have the tenant's tags; null if they could not be listed.
    remains: Option<Vec<String>>,
    /// Cost of the retained resources; null if it is unknown.
    stays: Option<Stays>,
    /// Address blocks that were added to `retired` in `fleet.yaml`.
    #[schemars(with = "Vec<String>")]
    retired: Vec<Ipv4Network>,
    /// Whether the tenant was added to `offboarded` in `fleet.yaml`.
    offboarded: bool,
    /// Whether the tenant's file was deleted.
    spec_removed: bool,
}

/// How a deletion ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
enum Gone {
    Deleted,
    Failed {
        /// Logical ID of the resource that failed first; null if none did.
        resource: Option<String>,
        /// CloudFormation's status reason.
        reason: String,
    },
    /// The timeout passed; the deletion continues in AWS. Network interfaces of functions are released up to 45 minutes after
    /// the functions, and subnets and security groups wait for that.
    StillDeleting,
}

/// Monthly cost of retained resources, USD.
#[derive(Serialize, JsonSchema)]
struct Stays {
    /// Date of the price table, `YYYY-MM-DD`.
    prices_of: String,
    /// Fixed cost until the resources are deleted.
    standing: Total,
    /// Stored objects, until their lifecycle expires them.
    objects: f64,
}

impl Stays {
    fn of(deletion: &DeletionPlan, region: &str, prices: &Prices) -> Self {
        let kept = deletion.retained.iter().map(|kept| kept.logical_id.as_str());
        let standing = cost::bill_of_the_rest(&deletion.template, kept, region, prices).total();
        let whole = cost::bill(&deletion.template, region, prices);
        let stored = whole.lines.iter().filter(|line| line.item == "s3-gib-month");
        let objects = stored.filter_map(|line| line.usd).map(|usd| usd.expected).sum();
        Self { prices_of: prices.date.clone(), standing, objects }
    }

    fn sentence(&self) -> String {
        let bound = if self.standing.missing.is_empty() { "" } else { "at least " };
        let standing = usd(self.standing.usd.low);
        let stored = usd(self.objects);
        format!(
            "what stays costs {bound}{standing} USD a month until `tenantry destroy --purge` deletes it, and stored \
             objects about {stored} USD a month at first, until their lifecycle ends them (prices of {})",
            self.prices_of
        )
    }
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, &[args.tenant.to_string()])?;
    if args.purge {
        return purge::run(&args.purge(), &opened, global);
    }
    let prices = opened::prices(&global.estate)?;
    let answer = super::wait(offboard(args, &opened, &prices))??;
    let exit = match answer.gone {
        // Only where nothing is known of what stays.
        Gone::Deleted if answer.remains.is_none() => Exit::Incomplete,
        Gone::Deleted => Exit::Clean,
        Gone::Failed { .. } => Exit::Error,
        Gone::StillDeleting => Exit::Incomplete,
    };
    Output::new(global.output).show(&answer, text)?;
    Ok(exit)
}

async fn offboard(args: &Args, opened: &Opened, prices: &Prices) -> Result<Answer, Failure> {
    let (estate, cloud) = (&opened.estate, Cloud::configure().await?);
    let target = target(args, estate, &cloud, prices).await?;
    let session = cloud.session(&target.place, &target.access).await?;
    let identity = Desired::identity(&estate.fleet.organisation, &estate.fleet.identity(), args.tenant.as_str());
    let found = look(&session, &target.stack, &identity, SystemTime::now()).await.map_err(|error| match error {
        DestroyError::Ownership(error) => Failure::ownership(error),
        error => error.into(),
    })?;
    let mut answer = Answer {
        tenant: args.tenant.clone(),
        gone: Gone::Deleted,
        lost: Vec::new(),
        retained: Vec::new(),
        remains: Some(Vec::new()),
        stays: None,
        retired: Vec::new(),
        offboarded: false,
        spec_removed: false,
    };
    if let Some(deletion) = found {
        let stays = Stays::of(&deletion, target.place.region.as_str(), prices);
        confirm(args, &deletion, &stays)?;
        let tenant = (args.tenant.as_str(), &identity);
        let plan = plan(&deletion, tenant, (&target.place, &target.access), &args.retain)?;
        answer.retired = retire(estate, args.tenant.as_str(), &target.place, &deletion)?;
        answer.offboarded = mark(args, estate, &target)?;
        answer.gone = delete(&cloud, args, opened, &plan, &deletion).await?;
        (answer.lost, answer.retained, answer.stays) = (deletion.lost, deletion.retained, Some(stays));
    } else {
        if args.confirm.as_deref() == Some(args.tenant.as_str()) {
            answer.offboarded = mark(args, estate, &target)?;
        }
        answer.remains = match remains(&session, &identity).await {
            Ok(arns) => Some(arns),
            Err(error) => {
                anstream::eprintln!("what stays is not known: {error}");
                None
            }
        };
    }
    if let Some(tenant) = target.tenant.filter(|_| args.remove_spec && answer.gone == Gone::Deleted)
        && nothing_left(&session, tenant).await?
    {
        tenantry_base::files::remove(&estate.root.join(&tenant.source.path))?;
        answer.spec_removed = true;
        give_back(estate, tenant)?;
    }
    Ok(answer)
}

/// Deletes the stack under the account's lock, with a journal.
async fn delete(
    cloud: &Cloud,
    args: &Args,
    opened: &Opened,
    (plan, desired): &(Plan, Desired),
    deletion: &DeletionPlan,
) -> Result<Gone, Failure> {
    let (name, tenant, place) = (guard::run_name(), args.tenant.to_string(), desired.place.clone());
    let claim = guard::claim(&name, format!("destroy of {tenant}"));
    let wait = Duration::from_secs(args.lock.wait_for_lock);
    let accounts = [place.account.clone()].into();
    let mut locks = match Locks::take(cloud, &opened.estate.fleet, &accounts, &claim, wait).await {
        // Without a control plane of its own the estate deploys nothing in the account: there is nothing to lock against.
        Err(error @ (LocksError::Lock(LockError::NoControlPlane { .. }) | LocksError::NotOurs(_))) => {
            anstream::eprintln!("not locked: {error}");
            Locks::default()
        }
        taken => taken.map_err(guard::failure)?,
    };
    let action = "delete".to_owned();
    let planned = Planned { tenant, place, stack: desired.stack.clone(), action };
    let intent = Intent { command: "destroy", release: "-", plan: "-", stacks: vec![planned] };
    let options = Options {
        concurrency: 1,
        tolerance: Tolerance::Failures(1),
        pace: args.pace.unwatched(),
        // What was not allowed to be lost has ended the command.
        allow_replace: deletion.changes.iter().map(|change| change.logical_id.clone()).collect(),
    };
    let ended = match Log::open(&opened.estate.root, &name, intent, &[]) {
        Ok(log) => {
            let (one, earlier) = (std::slice::from_ref(desired), run::earlier(&opened.estate.root));
            run::under_locks(cloud, plan, one, &options, &mut locks, log, earlier).await
        }
        Err(error) => Err(error.into()),
    };
    let released = guard::release(locks).await;
    let outcome = ended?.into_values().next();
    released?;
    gone(outcome)
}

/// How a deletion ended.
fn gone(outcome: Option<Outcome>) -> Result<Gone, Failure> {
    match outcome {
        Some(Outcome::Done | Outcome::Cleared) => Ok(Gone::Deleted),
        Some(Outcome::StillRunning) => Ok(Gone::StillDeleting),
        Some(Outcome::Failed { resource, reason, .. }) => Ok(Gone::Failed { resource, reason }),
        Some(Outcome::Broken { why, hint }) => {
            let failure = Failure::new(why);
            Err(match hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            })
        }
        Some(Outcome::Stale { why }) => {
            Err(Failure::new(why).with_exit(Exit::Refused).with_hint("run the command again"))
        }
        Some(Outcome::NotStarted | Outcome::Recovered { .. } | Outcome::Imported) | None => {
            Err(Failure::new("the stack was not deleted: the run was stopped"))
        }
    }
}

/// The tenant's stack where git places it, else the one stack of this tenant that git does not name.
async fn target<'e>(args: &Args, estate: &'e Estate, cloud: &Cloud, prices: &Prices) -> Result<Target<'e>, Failure> {
    let asked = |place: &Place| {
        args.account.as_ref().is_none_or(|account| *account == place.account)
            && args.region.as_ref().is_none_or(|region| *region == place.region)
    };
    if let Some(tenant) = estate.tenants.get(&args.tenant) {
        let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
        if asked(&place) {
            let stack = names::stack(&estate.fleet.organisation, tenant.name.as_str());
            let access = stacks::access(&estate.fleet, &place.account);
            return Ok(Target { place, access, stack, tenant: Some(tenant) });
        }
    }
    let mut found = orphans::scan(cloud, estate, prices).await;
    found.stacks.retain(|orphan| orphan.tenant == args.tenant.as_str() && asked(&orphan.place));
    let unread = found.unread.len();
    let known = estate.tenants.keys().map(|name| name.as_str());
    match <[Orphan; 1]>::try_from(found.stacks) {
        Ok([orphan]) => Ok(Target { place: orphan.place, access: orphan.access, stack: orphan.stack, tenant: None }),
        Err(none) if none.is_empty() && unread > 0 => {
            Err(Failure::new(format!("no stack of `{}` was found, and {unread} places cannot be read", args.tenant))
                .with_exit(Exit::Incomplete)
                .with_hint("`tenantry status` shows what cannot be read"))
        }
        Err(none) if none.is_empty() => Err(Failure::absent("tenant", args.tenant.as_str(), known)),
        Err(several) => {
            let places = several
                .iter()
                .map(|orphan| format!("--account {} --region {}", orphan.place.account, orphan.place.region));
            Err(Failure::new(format!("git does not name several stacks of `{}`", args.tenant))
                .with_hint(format!("say which: {}", places.collect::<Vec<_>>().join(", or "))))
        }
    }
}

/// Writes into `fleet.yaml` that the tenant is offboarded, but for the old stack of a tenant that has moved.
fn mark(args: &Args, estate: &Estate, target: &Target<'_>) -> Result<bool, Failure> {
    if target.tenant.is_none() && estate.tenants.contains_key(&args.tenant) {
        return Ok(false);
    }
    offboarded::mark(&estate.root, &estate.fleet, &args.tenant, &target.place)
}

/// Writes the blocks that stay taken into `fleet.yaml`, also those of a tenant whose file still says so: it may leave git
/// before what stays is deleted.
fn retire(estate: &Estate, tenant: &str, place: &Place, deletion: &DeletionPlan) -> Result<Vec<Ipv4Network>, Failure> {
    let fleet = &estate.fleet;
    let known: Vec<Ipv4Network> = fleet.retired.values().map(|retired| retired.cidr).collect();
    let blocks: Vec<Ipv4Network> = deletion.blocks().into_iter().filter(|block| !known.contains(block)).collect();
    let mut source = Arc::clone(estate.fleet_source());
    for (index, cidr) in blocks.iter().enumerate() {
        let free = |key: &String| !fleet.retired.contains_key(key);
        let mut keys = (1 + index..).map(|n| if n == 1 { tenant.to_owned() } else { format!("{tenant}-{n}") });
        let Some(key) = keys.find(free) else { break };
        let retired = Retired {
            tenant: tenant.to_owned(),
            cidr: *cidr,
            account: place.account.clone(),
            region: place.region.clone(),
        };
        let text = edit::set(&source, &format!("retired.{key}"), &serde_json::to_value(retired)?)?;
        source = Arc::new(Source { path: source.path.clone(), text });
    }
    if !blocks.is_empty() {
        super::write_file(&estate.root.join(&source.path), &source.text)?;
    }
    Ok(blocks)
}

/// Takes the tenant's block, in which nothing stands any more, out of the retired ones.
fn give_back(estate: &Estate, tenant: &Tenant) -> Result<(), Failure> {
    let before = offboarded::source(&estate.root)?;
    let mut source = Arc::clone(&before);
    for (key, retired) in &estate.fleet.retired {
        if retired.tenant == tenant.name.as_str() && retired.cidr == tenant.spec.network.cidr {
            let text = edit::unset(&source, &format!("retired.{key}"))?;
            source = Arc::new(Source { path: source.path.clone(), text });
        }
    }
    if source.text != before.text {
        super::write_file(&estate.root.join(&source.path), &source.text)?;
    }
    Ok(())
}

/// Says what is lost and what stays, and asks for the tenant's name.
fn confirm(args: &Args, deletion: &DeletionPlan, stays: &Stays) -> Result<(), Failure> {
    anstream::eprintln!("stack {}: {} resources are deleted", deletion.stack, deletion.deleted);
    for lost in &deletion.lost {
        let id = lost.physical_id.as_deref().unwrap_or("-");
        let contents = match &lost.contents {
            Contents::Empty => "empty".to_owned(),
            Contents::Definition => "nothing but what its template says".to_owned(),
            Contents::Holds { what } => what.clone(),
            Contents::Unknown { why } => format!("contents unknown: {why}"),
        };
        anstream::eprintln!("  - {} {} {id}: {contents}", lost.logical_id, lost.resource_type);
    }
    anstream::eprintln!("{} resources stay", deletion.retained.len());
    for kept in &deletion.retained {
        let id = kept.physical_id.as_deref().unwrap_or("-");
        anstream::eprintln!("  {} {} {id}", kept.logical_id, kept.resource_type);
    }
    if !deletion.retained.is_empty() {
        anstream::eprintln!("{}", stays.sentence());
    }
    let refused = deletion.refused(&args.allow_delete);
    if !refused.is_empty() {
        let named: Vec<&str> = refused.iter().map(|lost| lost.logical_id.as_str()).collect();
        let hint: Vec<String> = named.iter().map(|id| format!("--allow-delete {id}")).collect();
        return Err(Failure::new(format!("stateful resources would be deleted: {}", named.join(", ")))
            .with_exit(Exit::Refused)
            .with_hint(format!("save what they hold, or name each: {}", hint.join(" "))));
    }
    let name = args.tenant.as_str();
    let confirmed = match &args.confirm {
        Some(typed) => typed == name,
        None => confirmed(&format!("Destroy {name}?"), name)?,
    };
    if confirmed { Ok(()) } else { Err(Failure::new("not confirmed, nothing was deleted").with_exit(Exit::Refused)) }
}

/// Whether no VPC has the tenant's block any more.
pub(super) async fn nothing_left(session: &Session, tenant: &Tenant) -> Result<bool, Failure> {
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
            let behind = resource.as_ref().map(|id| format!(", with `--retain {id}` to leave it behind"));
            format!("the deletion failed at {at}: {reason}; run the command again{}", behind.unwrap_or_default())
        }
        Gone::StillDeleting => "the stack is still being deleted: network interfaces of functions are released up to \
                                40 minutes after them; run the same command again"
            .to_owned(),
    };
    let remains = answer.remains.as_deref().unwrap_or_default();
    let kept = answer.retained.len() + remains.len();
    let arns: String = remains.iter().map(|arn| format!("  {arn}\n")).collect();
    let kept_text = if answer.remains.is_none() { "an unknown number of".to_owned() } else { kept.to_string() };
    let spec = if answer.spec_removed { ", its file is removed and its block is free" } else { "" };
    let stays = answer.stays.as_ref().filter(|_| kept > 0);
    let money = stays.map(|stays| format!("{}\n", stays.sentence())).unwrap_or_default();
    let retired: String =
        answer.retired.iter().map(|block| format!("{block} is retired in tenants/fleet.yaml\n")).collect();
    let marked = match answer.offboarded {
        true => format!(
            "{0} is offboarded in tenants/fleet.yaml: `tenantry deploy {0}` brings it back, nothing else does\n",
            answer.tenant
        ),
        false => String::new(),
    };
    format!("{}: {what}, {kept_text} resources are retained{spec}\n{arns}{money}{retired}{marked}", answer.tenant)
}
