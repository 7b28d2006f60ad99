//! Which tenants a command is about.

use clap::Args;
use globset::{Glob, GlobSetBuilder};

use super::Failure;
use crate::estate::ids::{AccountId, Region, RingName};
use crate::estate::{Estate, Tenant};

/// Tenants by name or glob, narrowed by ring, account and region.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tenants")]
pub struct Selection {
    /// Names or globs (`acme`, `acme-*`).
    #[arg(value_name = "TENANT")]
    pub names: Vec<String>,
    /// Every tenant.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Only tenants of this ring.
    #[arg(long)]
    pub ring: Vec<RingName>,
    /// Only tenants of this account.
    #[arg(long)]
    pub account: Vec<AccountId>,
    /// Only tenants in this region.
    #[arg(long)]
    pub region: Vec<Region>,
}

impl Selection {
    /// True when nothing was said.
    pub fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty() && self.ring.is_empty() && self.account.is_empty() && self.region.is_empty()
    }

    /// The chosen tenants, in the order of their names. Nothing said, or a name that matches nobody, is an error.
    pub fn select<'e>(&self, estate: &'e Estate) -> Result<Vec<&'e Tenant>, Failure> {
        if self.is_empty() {
            return Err(Failure::new("no tenant chosen")
                .with_hint("name tenants or globs, or use --ring, --account, --region or --all"));
        }
        let mut builder = GlobSetBuilder::new();
        for name in &self.names {
            builder.add(Glob::new(name)?);
        }
        let globs = builder.build()?;
        let names: Vec<&str> = estate.tenants.keys().map(|name| name.as_str()).collect();
        for (index, pattern) in self.names.iter().enumerate() {
            if !names.iter().any(|name| globs.matches(name).contains(&index)) {
                return Err(no_such_tenant(pattern, &names));
            }
        }
        let chosen = estate.tenants.values().filter(|tenant| {
            (self.names.is_empty() || globs.is_match(tenant.name.as_str()))
                && one_of(&self.ring, &tenant.spec.ring)
                && one_of(&self.account, &tenant.spec.account)
                && one_of(&self.region, &tenant.spec.region)
        });
        Ok(chosen.collect())
    }
}

/// The tenant of a name.
pub(super) fn tenant<'e>(estate: &'e Estate, name: &str) -> Result<&'e Tenant, Failure> {
    let names: Vec<&str> = estate.tenants.keys().map(|name| name.as_str()).collect();
    let found = estate.tenants.values().find(|tenant| tenant.name.as_str() == name);
    found.ok_or_else(|| no_such_tenant(name, &names))
}

fn one_of<T: PartialEq>(wanted: &[T], actual: &T) -> bool {
    wanted.is_empty() || wanted.contains(actual)
}

fn no_such_tenant(pattern: &str, names: &[&str]) -> Failure {
    let failure = Failure::new(format!("no tenant matches `{pattern}`"));
    let nearest =
        names.iter().max_by(|a, b| strsim::jaro_winkler(a, pattern).total_cmp(&strsim::jaro_winkler(b, pattern)));
    match nearest {
        Some(name) if strsim::jaro_winkler(name, pattern) > 0.8 => failure.with_hint(format!("did you mean `{name}`?")),
        _ => failure.with_hint("`tenantry validate` lists the tenants of the estate"),
    }
}
