//! `tenantry diff`.

use clap::Args as ClapArgs;
use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, Selection};
use crate::report::groups::counted;
use crate::report::release as text;
use tenantry_aws::cloud::{Cloud, with_causes};
use tenantry_ops::deploy::Desired;
use tenantry_ops::deploy::deployed;
use tenantry_ops::release::diff::{TenantDiff, of_templates};

/// Stacks that are read at once.
const AT_ONCE: usize = 8;

/// Compare the templates that git renders with those of the deployed stacks, resource by resource.
///
/// Reads each stack and its template and creates no change set, so the reading role suffices. Beyond this, `plan` shows
/// what CloudFormation would replace, and `drift` whether resources differ from their template.
///
/// Exit code 0: nothing differs; 2: something differs; 4: a stack could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry diff acme
  tenantry diff --ring canary --unified")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Also compare the templates line by line.
    #[arg(long, short)]
    unified: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Number of stacks with the same template.
    unchanged: usize,
    /// Tenants whose template differs.
    tenants: Vec<TenantDiff>,
    /// Tenants whose deployed template could not be read.
    unknown: Vec<Unknown>,
}

/// A stack whose template could not be compared.
#[derive(Serialize, JsonSchema)]
struct Unknown {
    /// Name of the tenant.
    tenant: String,
    /// Why it could not be read.
    why: String,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::selected(global, &args.selection)?;
    let desired = opened.desired(&args.selection.select(&opened.estate)?, &args.release)?;
    let read = super::wait(async {
        let cloud = &Cloud::configure().await?.reading();
        let reads = desired.iter().map(|one| async move { (one, deployed::template(cloud, one).await) });
        let reads: Vec<_> = reads.collect();
        Ok::<_, Failure>(stream::iter(reads).buffered(AT_ONCE).collect::<Vec<_>>().await)
    })??;
    let mut answer = Answer { unchanged: 0, tenants: Vec::new(), unknown: Vec::new() };
    for (one, read) in read {
        match read.map(|deployed| compared(one, deployed.as_ref())) {
            Ok(Ok(Some(diff))) => answer.tenants.push(diff),
            Ok(Ok(None)) => answer.unchanged += 1,
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => answer.unknown.push(Unknown { tenant: one.tenant.clone(), why: with_causes(&error) }),
        }
    }
    let exit = match (answer.unknown.is_empty(), answer.tenants.is_empty()) {
        (false, _) => Exit::Incomplete,
        (true, false) => Exit::Changes,
        (true, true) => Exit::Clean,
    };
    Output::new(global.output).show(&answer, |answer| text_of(answer, args.unified))?;
    Ok(exit)
}

/// One that is offboarded is as it should be without a stack.
fn compared(one: &Desired, deployed: Option<&serde_json::Value>) -> Result<Option<TenantDiff>, serde_json::Error> {
    if deployed.is_none() && one.offboarded {
        return Ok(None);
    }
    let rendered = serde_json::from_str(&one.body)?;
    Ok(of_templates(&one.tenant, deployed, (&one.digest, &rendered)))
}

fn text_of(answer: &Answer, unified: bool) -> String {
    let one = |diff: &TenantDiff| match diff.before {
        None if !unified => format!("{}: not deployed, {}\n", diff.tenant, counted(diff.resources.len(), "resource")),
        _ => text::tenant_diff(diff, unified),
    };
    let mut lines: String = answer.tenants.iter().map(one).collect();
    lines.extend(answer.unknown.iter().map(|one| format!("{}: unknown: {}\n", one.tenant, one.why)));
    let (differ, unknown) = (answer.tenants.len(), answer.unknown.len());
    lines.push_str(&format!("{differ} outdated, {} current, {unknown} unknown\n", answer.unchanged));
    lines
}
