//! `tenantry output`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::Opened;
use super::{Exit, Failure, Global, Output, selection};
use tenantry_aws::cloud::{Cloud, cloudformation};
use tenantry_ops::deploy::flags;

/// Print the outputs of a tenant's stack, as CloudFormation has them.
///
/// With a name, only the value. It is an error if the stack or the output does not exist.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry output acme
  tenantry output acme TenantryRelease")]
pub(super) struct Args {
    tenant: String,
    /// Only this output.
    name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Name of the tenant.
    tenant: String,
    /// Name of the stack.
    stack: String,
    /// Outputs of the CloudFormation stack, by key.
    outputs: BTreeMap<String, String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, std::slice::from_ref(&args.tenant))?;
    let tenant = selection::tenant(&opened.estate, &args.tenant)?;
    let stack = flags::stack(&opened.estate, tenant);
    let found = super::wait(async {
        let cloud = Cloud::configure().await?.reading();
        let session = flags::session(&cloud, &opened.estate, tenant).await?;
        Ok::<_, Failure>(cloudformation::stack(&session, &stack).await?)
    })??;
    let Some(found) = found else {
        return Err(Failure::new(format!("stack `{stack}` does not exist"))
            .with_hint(format!("`tenantry deploy {}` creates it", args.tenant)));
    };
    let mut outputs = found.outputs;
    if let Some(name) = &args.name {
        let known: Vec<String> = outputs.keys().cloned().collect();
        outputs.retain(|output, _| output == name);
        if outputs.is_empty() {
            return Err(Failure::absent("output", name, known.iter().map(String::as_str)));
        }
    }
    let answer = Answer { tenant: args.tenant.clone(), stack, outputs };
    Output::new(global.output).show(&answer, |answer| match &args.name {
        Some(_) => answer.outputs.values().map(|value| format!("{value}\n")).collect(),
        None => answer.outputs.iter().map(|(name, value)| format!("{name} = {value}\n")).collect(),
    })?;
    Ok(Exit::Clean)
}
