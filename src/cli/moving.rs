//! `tenantry move`.

use std::sync::Arc;

use clap::Args as ClapArgs;
use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::opened::{self, Opened};
use super::{Exit, Failure, Global, Output, new, selection};
use tenantry_aws::cloud::{Cloud, Place, cloudformation, ec2};
use tenantry_base::atomic;
use tenantry_base::finding::Source;
use tenantry_base::ids::{AccountId, Region, TenantName};
use tenantry_checks::resources;
use tenantry_ops::deploy::{Baseline, stacks};
use tenantry_spec::estate::spec::{MovedFrom, Retired};
use tenantry_spec::estate::{self, Estate, Tenant, allocate, edit};
use tenantry_template::render::{Context, names};

/// Move a tenant to another account or region: a new stack beside the old one, then its data, then the old one's
/// offboarding.
///
/// Changes the tenant's file only: account and Region, a block of addresses there, and its origin. `deploy` then
/// creates the new stack, under a temporary host name, while the old stack stays unchanged and is shown as `moving`.
/// Once the data is moved, `destroy --region` offboards the old stack, and `--finish` restores the host name.
///
/// Exit code 0: the file is written; 3: with `--finish`, the old stack still exists.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry move acme --region eu-central-1
  tenantry move acme --finish")]
pub(super) struct Args {
    tenant: TenantName,
    /// Region that the tenant moves to.
    #[arg(long, required_unless_present_any = ["account", "finish"])]
    region: Option<Region>,
    /// Account that the tenant moves to.
    #[arg(long)]
    account: Option<AccountId>,
    /// Prefix length of the new block. Default: that of the old one.
    #[arg(long, value_name = "LENGTH")]
    prefix: Option<u8>,
    /// Do not read the VPCs of the accounts when allocating the block.
    #[arg(long)]
    offline: bool,
    /// Finish the move, once the old stack is deleted: remove the origin from the tenant's file.
    #[arg(long, conflicts_with_all = ["region", "account", "prefix", "offline"])]
    finish: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Name of the tenant.
    tenant: TenantName,
    /// Account and Region of the old stack.
    from: Place,
    /// Account and Region of the new stack.
    to: Place,
    /// Name of the stack, in both places.
    stack: String,
    /// IPv4 CIDR block of the new VPC.
    #[schemars(with = "String")]
    cidr: Ipv4Network,
    /// Host name while both stacks exist, and afterwards.
    host: [String; 2],
    /// Resources whose data has to be moved.
    data: Vec<Data>,
    /// True after `--finish`: the old stack is gone and the host name is restored.
    finished: bool,
}

/// A resource whose data has to be moved.
#[derive(Serialize, JsonSchema)]
struct Data {
    /// Logical ID in the template.
    logical_id: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    resource_type: String,
    /// How to copy the data.
    how: &'static str,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let tenant = selection::tenant(&opened.estate, args.tenant.as_str())?;
    let answer = if args.finish { finish(&opened.estate, tenant)? } else { begin(args, &opened, tenant)? };
    Output::new(global.output).show(&answer, text)?;
    Ok(Exit::Clean)
}

fn place(tenant: &Tenant) -> Place {
    Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() }
}

fn begin(args: &Args, opened: &Opened, tenant: &Tenant) -> Result<Answer, Failure> {
    let estate = &opened.estate;
    if let Some(from) = &tenant.spec.moved_from {
        return Err(Failure::new(format!("`{}` moves already, from {} in {}", tenant.name, from.account, from.region))
            .with_hint(format!("end that move first: `tenantry move {} --finish`", tenant.name)));
    }
    let from = place(tenant);
    let to = Place {
        account: args.account.clone().unwrap_or_else(|| from.account.clone()),
        region: args.region.clone().unwrap_or_else(|| from.region.clone()),
    };
    if from == to {
        return Err(Failure::new(format!("`{}` is in {} in {} already", tenant.name, to.account, to.region)));
    }
    let mut taken = estate.blocks();
    if !args.offline {
        taken.extend(new::live_blocks(estate)?);
    }
    let old = tenant.spec.network.cidr;
    let cidr = allocate(&estate.fleet, &taken, &to.region, Some(args.prefix.unwrap_or(old.prefix())))?;
    let moved = MovedFrom { account: from.account.clone(), region: from.region.clone(), cidr: old };
    let values = [
        ("account", json!(to.account)),
        ("region", json!(to.region)),
        ("network.cidr", json!(cidr)),
        ("moved_from", serde_json::to_value(&moved)?),
    ];
    write(estate, tenant, |source| {
        let mut source = Arc::clone(source);
        for (route, value) in &values {
            let text = edit::set(&source, route, value)?;
            source = Arc::new(Source { path: source.path.clone(), text });
        }
        Ok(source.text.clone())
    })?;
    let mut moving = tenant.clone();
    (moving.spec.account, moving.spec.region) = (to.account.clone(), to.region.clone());
    moving.spec.moved_from = Some(moved);
    Ok(Answer { from, to, cidr, finished: false, ..answer(opened, tenant, &moving)? })
}

/// Everything about a move that follows from the tenant.
fn answer(opened: &Opened, tenant: &Tenant, moving: &Tenant) -> Result<Answer, Failure> {
    let fleet = &opened.estate.fleet;
    let rendered = opened.render(&[tenant], "unreleased")?;
    let template: Value = match rendered.first() {
        Some(rendered) => serde_json::from_str(&rendered.template.body())?,
        None => Value::Null,
    };
    Ok(Answer {
        tenant: tenant.name.clone(),
        from: place(tenant),
        to: place(moving),
        stack: names::stack(&fleet.organisation, tenant.name.as_str()),
        cidr: tenant.spec.network.cidr,
        host: [Context::host(fleet, moving), Context::host(fleet, &settled(moving))],
        data: data(&template),
        finished: false,
    })
}

fn settled(moving: &Tenant) -> Tenant {
    let mut settled = moving.clone();
    settled.spec.moved_from = None;
    settled
}

/// The stores of data in a template, and how the data of each follows.
fn data(template: &Value) -> Vec<Data> {
    let resources = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
    let stores = resources.filter_map(|(logical_id, resource)| {
        let resource_type = resource.get("Type").and_then(Value::as_str)?;
        let how = match resource_type {
            // The new stack has networks, keys and certificates of its own.
            "AWS::EC2::VPC" | "AWS::EC2::Subnet" | "AWS::KMS::Key" | "AWS::RolesAnywhere::TrustAnchor" => return None,
            "AWS::S3::Bucket" => "copy its objects: `aws s3 sync`, or S3 Batch Operations for many",
            "AWS::OpenSearchService::Domain" => "take a manual snapshot into a bucket and restore it, or index anew",
            "AWS::SQS::Queue" => "let it run empty; put parked messages back with `tenantry replay`",
            _ if resources::table().is_stateful(resource_type) => "by the means of its service",
            _ => return None,
        };
        Some(Data { logical_id: logical_id.clone(), resource_type: resource_type.to_owned(), how })
    });
    stores.collect()
}

fn finish(estate: &Estate, tenant: &Tenant) -> Result<Answer, Failure> {
    let Some(from) = &tenant.spec.moved_from else {
        return Err(Failure::new(format!("`{}` does not move", tenant.name)));
    };
    let old = Place { account: from.account.clone(), region: from.region.clone() };
    let stack = names::stack(&estate.fleet.organisation, tenant.name.as_str());
    let (live, blocks) = super::wait(async {
        let access = stacks::access(&estate.fleet, &old.account);
        let session = Cloud::configure().await?.session(&old, &access).await?;
        let live = cloudformation::stack(&session, &stack).await?;
        Ok::<_, Failure>((live, ec2::vpc_cidrs(&session).await?))
    })??;
    if let Some(status) = Baseline::of(live.as_ref()).status {
        let (name, account, region) = (&tenant.name, &old.account, &old.region);
        return Err(Failure::new(format!("stack `{stack}` is still in {account} in {region}: {status}"))
            .with_exit(Exit::Refused)
            .with_hint(format!("offboard it first: `tenantry destroy {name} --account {account} --region {region}`")));
    }
    if blocks.iter().any(|(_, block)| *block == from.cidr) && !is_retired(estate, from.cidr) {
        retire(estate, tenant, from)?;
    }
    write(estate, tenant, |source| Ok(edit::unset(source, "moved_from")?))?;
    Ok(Answer {
        tenant: tenant.name.clone(),
        to: place(tenant),
        stack,
        cidr: tenant.spec.network.cidr,
        host: [Context::host(&estate.fleet, tenant), Context::host(&estate.fleet, &settled(tenant))],
        data: Vec::new(),
        finished: true,
        from: old,
    })
}

fn is_retired(estate: &Estate, cidr: Ipv4Network) -> bool {
    estate.fleet.retired.values().any(|retired| retired.cidr == cidr)
}

/// The old VPC stays with what the stack retained: its block stays taken.
fn retire(estate: &Estate, tenant: &Tenant, from: &MovedFrom) -> Result<(), Failure> {
    let (account, region) = (from.account.clone(), from.region.clone());
    let key = format!("retired.{}-{account}-{region}", tenant.name);
    let retired = Retired { tenant: tenant.name.to_string(), cidr: from.cidr, account, region };
    let text = edit::set(estate.fleet_source(), &key, &serde_json::to_value(retired)?)?;
    super::write_file(&estate.root.join(&estate.fleet_source().path), &text)
}

/// Writes the tenant's file anew; if the estate would have errors, the file stays as it was.
fn write(
    estate: &Estate,
    tenant: &Tenant,
    change: impl FnOnce(&Arc<Source>) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let path = estate.root.join(&tenant.source.path);
    super::write_file(&path, &change(&tenant.source)?)?;
    let (_, findings) = opened::load(&estate.root)?;
    if estate::has_errors(&findings) {
        atomic::replace(&path, tenant.source.text.as_bytes())?;
        return Err(opened::refused(&findings, "the moved tenant"));
    }
    Ok(())
}

fn text(answer: &Answer) -> String {
    let Answer { tenant, from, to, stack, cidr, host: [now, later], .. } = answer;
    let named = |place: &Place| format!("{} in {}", place.account, place.region);
    if answer.finished {
        return format!(
            "{tenant} has moved from {} to {}\nnext: `tenantry deploy {tenant}` switches its host name from {now} to {later}\n",
            named(from),
            named(to)
        );
    }
    let mut out = format!("{tenant} moves from {} to {}, with {cidr}\n", named(from), named(to));
    out += &format!("1. `tenantry deploy {tenant}` makes stack {stack} there beside the old one, under {now}\n");
    out += "2. these hold data that has to follow:\n";
    for data in &answer.data {
        out += &format!("   {} {}: {}\n", data.logical_id, data.resource_type, data.how);
    }
    out += "3. clients switch to the new stack's endpoints; the old one gets no more data\n";
    out += &format!(
        "4. `tenantry destroy {tenant} --account {} --region {}` offboards the old stack and frees {later}\n",
        from.account, from.region
    );
    out += &format!("5. `tenantry move {tenant} --finish`, then `tenantry deploy {tenant}`: {now} becomes {later}\n");
    out
}
