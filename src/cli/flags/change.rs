//! `tenantry flags set`, `unset` and `rollout`: one value of YAML, and what follows from it.

use std::sync::Arc;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::preview::{Edit, Preview};
use super::{Exit, Failure, Global, flag};
use crate::cli::opened::Opened;
use crate::cli::selection::tenant;
use tenantry_base::finding::Source;
use tenantry_base::ids::{AccountId, Region, RingName};
use tenantry_spec::estate::{self, edit};

/// Set a flag: for a tenant, by a targeting rule for a ring, an account or a region, or as the default.
///
/// Edits the tenant's file or `policies/flags.yaml`, and keeps comments and order. Then shows which tenants change, and
/// how their templates do. An edit that makes the estate invalid is undone.
///
/// With `--plan`, exit codes are those of `tenantry plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags set acme verbose-logs true
  tenantry flags set verbose-logs true --ring canary
  tenantry flags set verbose-logs false --default")]
pub(super) struct Set {
    /// Tenant, flag and value; with a scope only flag and value.
    #[arg(value_names = ["TENANT", "FLAG", "VALUE"], required = true, num_args = 2..=3)]
    what: Vec<String>,
    #[command(flatten)]
    scope: Scope,
    /// Change the default.
    #[arg(long, conflicts_with_all = ["ring", "account", "region"])]
    default: bool,
    #[command(flatten)]
    preview: Preview,
}

/// Unset a flag: the override of a tenant, the targeting rule of a ring, an account or a region, or the rollout.
///
/// With `--plan`, exit codes are those of `tenantry plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags unset acme verbose-logs
  tenantry flags unset search-slow-logs --rollout")]
pub(super) struct Unset {
    /// Tenant and flag; with a scope only the flag.
    #[arg(value_names = ["TENANT", "FLAG"], required = true, num_args = 1..=2)]
    what: Vec<String>,
    #[command(flatten)]
    scope: Scope,
    /// Remove the rollout.
    #[arg(long, conflicts_with_all = ["ring", "account", "region"])]
    rollout: bool,
    #[command(flatten)]
    preview: Preview,
}

/// Roll a flag's value out to a percentage of all tenants.
///
/// A stable hash of flag and tenant selects them: a higher percentage keeps every tenant of a lower one. Tenants with
/// an override and those that a targeting rule matches are not affected.
///
/// With `--plan`, exit codes are those of `tenantry plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags rollout search-slow-logs 25%")]
pub(super) struct Rollout {
    flag: String,
    /// From `0%` to `100%`.
    percent: String,
    /// The value to roll out. Default: that of the current rollout, or for a boolean flag the opposite of its default.
    #[arg(long)]
    value: Option<String>,
    #[command(flatten)]
    preview: Preview,
}

/// Whom a rule is for.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
#[command(next_help_heading = "Scope")]
struct Scope {
    /// By a targeting rule for the tenants of this ring.
    #[arg(long)]
    ring: Option<RingName>,
    /// By a targeting rule for the tenants of this account.
    #[arg(long)]
    account: Option<AccountId>,
    /// By a targeting rule for the tenants in this region.
    #[arg(long)]
    region: Option<Region>,
}

impl Scope {
    /// Where the rule stands below its flag.
    fn route(&self) -> Option<String> {
        let rule = |group: &str, name: &dyn std::fmt::Display| format!("rules.{group}.{name}");
        let ring = self.ring.as_ref().map(|name| rule("rings", name));
        let account = || self.account.as_ref().map(|id| rule("accounts", id));
        let region = || self.region.as_ref().map(|name| rule("regions", name));
        ring.or_else(account).or_else(region)
    }
}

impl Set {
    pub(super) fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let opened = Opened::open(global)?;
        let below = self.default.then(|| "default".to_owned()).or_else(|| self.scope.route());
        let (tenant_name, key, text) = match (&below, self.what.as_slice()) {
            (None, [tenant, key, value]) => (Some(tenant), key, value),
            (Some(_), [key, value]) => (None, key, value),
            (None, _) => {
                return Err(unclear("name a tenant before the flag, or say --ring, --account, --region or --default"));
            }
            (Some(_), _) => return Err(unclear("a rule or a default is not a tenant's: leave the tenant out")),
        };
        let value = flag(&opened, key)?.parse(text).map_err(|fault| Failure::new(format!("{key}: {fault}")))?;
        let (source, route) = place(&opened, global, tenant_name, key, below)?;
        let text = edit::set(&source, &route, &value)?;
        self.preview.apply(global, &opened, vec![Edit { source, text }])
    }
}

impl Unset {
    pub(super) fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let opened = Opened::open(global)?;
        let below = self.rollout.then(|| "rollout".to_owned()).or_else(|| self.scope.route());
        let (tenant_name, key) = match (&below, self.what.as_slice()) {
            (None, [tenant, key]) => (Some(tenant), key),
            (Some(_), [key]) => (None, key),
            (None, _) => {
                return Err(unclear("name a tenant before the flag, or say --ring, --account, --region or --rollout"));
            }
            (Some(_), _) => return Err(unclear("a rule or a rollout is not a tenant's: leave the tenant out")),
        };
        flag(&opened, key)?;
        let (source, route) = place(&opened, global, tenant_name, key, below)?;
        let text = edit::unset(&source, &route)?;
        self.preview.apply(global, &opened, vec![Edit { source, text }])
    }
}

impl Rollout {
    pub(super) fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let opened = Opened::open(global)?;
        let flag = flag(&opened, &self.flag)?;
        let percent = percent(&self.percent)?;
        let value = match (&self.value, &flag.rollout, flag.default.as_bool()) {
            (Some(text), ..) => flag.parse(text).map_err(|fault| Failure::new(format!("{}: {fault}", self.flag)))?,
            (None, Some(rollout), _) => rollout.value.clone(),
            (None, None, Some(default)) => Value::Bool(!default),
            (None, None, None) => {
                return Err(
                    Failure::new("a text or a number needs a value to roll out").with_hint("say `--value VALUE`")
                );
            }
        };
        let source = catalogue(global)?;
        let route = format!("flags.{}.rollout", self.flag);
        let text = match &flag.rollout {
            Some(rollout) if rollout.value == value => edit::set(&source, &format!("{route}.percent"), &percent)?,
            _ => edit::set(&source, &route, &json!({ "percent": percent, "value": value }))?,
        };
        self.preview.apply(global, &opened, vec![Edit { source, text }])
    }
}

/// The file and the route of a value: a tenant's own, or one of the catalogue.
fn place(
    opened: &Opened,
    global: &Global,
    tenant_name: Option<&String>,
    key: &str,
    below: Option<String>,
) -> Result<(Arc<Source>, String), Failure> {
    match tenant_name {
        Some(name) => Ok((Arc::clone(&tenant(&opened.estate, name)?.source), format!("flags.{key}"))),
        None => Ok((catalogue(global)?, format!("flags.{key}.{}", below.unwrap_or_default()))),
    }
}

/// The catalogue's file.
pub(super) fn catalogue(global: &Global) -> Result<Arc<Source>, Failure> {
    match estate::flags_document(&global.estate) {
        Ok(document) => Ok(document.source),
        Err(finding) => Err(Failure::new(finding.message)),
    }
}

fn unclear(hint: &str) -> Failure {
    Failure::new("no tenant and no scope is given").with_hint(hint)
}

/// `25%` or `25`; a whole number stays one in YAML.
fn percent(text: &str) -> Result<Value, Failure> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<u8>() {
        Ok(whole) if whole <= 100 => return Ok(Value::from(whole)),
        _ => {}
    }
    match number.parse::<f64>() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(Value::from(share)),
        _ => Err(Failure::new(format!("`{text}` is not a percentage from 0 to 100"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_from_0_to_100() {
        for (text, value) in [("25%", json!(25)), ("0", json!(0)), ("100 %", json!(100)), ("2.5%", json!(2.5))] {
            assert_eq!(percent(text).unwrap(), value, "{text}");
        }
        for text in ["101%", "-1", "100.1", "NaN", "inf", "", "%", "a quarter"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
