//! Which tenants a command is about.

use std::fmt::Display;
use std::str::FromStr;

use clap::Args;
use globset::{Glob, GlobSet, GlobSetBuilder};
use sha2::{Digest, Sha256};

use super::Failure;
use tenantry_base::ids::{AccountId, Region, RingName};
use tenantry_ops::deploy::stacks::is_offboarded;
use tenantry_spec::estate::{Estate, Tenant};

/// Tenants by name or glob, narrowed by ring, account and region. Without any, commands that only read take all tenants,
/// and commands that change something refuse (`Command::needs_selection`).
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tenants")]
pub struct Selection {
    /// Names or globs (`acme`, `acme-*`).
    #[arg(value_name = "TENANT")]
    pub names: Vec<String>,
    /// All tenants: the default of commands that only read.
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
    /// Only one shard of them, stable by name: `3/8` is the third of eight.
    #[arg(long, value_name = "PART/PARTS")]
    pub shard: Option<Shard>,
}

/// One of several parts of a fleet. A tenant's part follows from its name alone, so that runners that share the work
/// need not know of each other and a new tenant moves no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From one.
    part: u64,
    parts: u64,
}

impl Shard {
    /// The part, from one, and the number of parts.
    pub(super) fn numbers(self) -> (u64, u64) {
        (self.part, self.parts)
    }

    pub(super) fn has(self, tenant: &str) -> bool {
        let digest = Sha256::digest(tenant.as_bytes());
        let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        number % self.parts == self.part - 1
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
        match numbers {
            Some((part, parts)) if (1..=parts).contains(&part) => Ok(Self { part, parts }),
            _ => Err("a part and the number of parts, as `3/8`"),
        }
    }
}

/// What names and globs match.
pub(super) fn globs(names: &[String]) -> Result<GlobSet, Failure> {
    let mut builder = GlobSetBuilder::new();
    for name in names {
        builder.add(Glob::new(name)?);
    }
    Ok(builder.build()?)
}

impl Selection {
    /// Tenants by their names.
    pub fn named(names: &[String]) -> Self {
        Self { names: names.to_vec(), ..Self::default() }
    }

    /// Whether a tenant counts for what the fleet needs and costs: one that is offboarded does where it is named.
    pub(super) fn counts(&self, estate: &Estate, tenant: &Tenant) -> bool {
        !is_offboarded(&estate.fleet, tenant) || self.names.iter().any(|name| name == tenant.name.as_str())
    }

    /// Returns true if neither names, `--all` nor a ring, account or region are given; a shard alone selects nothing.
    pub fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty() && self.ring.is_empty() && self.account.is_empty() && self.region.is_empty()
    }

    /// Every tenant: nothing was said, or `--all`, and nothing that narrows it.
    pub fn is_whole_fleet(&self) -> bool {
        let narrowed = !self.ring.is_empty() || !self.account.is_empty() || !self.region.is_empty();
        self.names.is_empty() && !narrowed && self.shard.is_none()
    }

    /// Fails if nothing is selected: a command that changes something never takes all tenants by default.
    pub(super) fn require(&self) -> Result<(), Failure> {
        if self.is_empty() {
            return Err(Failure::new("no tenants selected, and this command changes something")
                .with_hint("name tenants or globs, or use --ring, --account, --region or --all"));
        }
        Ok(())
    }

    /// The selected tenants in the order of their names, all where nothing is selected. A name that matches no tenant,
    /// and a ring, account or region that the fleet does not have are errors.
    pub fn select<'e>(&self, estate: &'e Estate) -> Result<Vec<&'e Tenant>, Failure> {
        let globs = globs(&self.names)?;
        let names: Vec<&str> = estate.tenants.keys().map(|name| name.as_str()).collect();
        for (index, pattern) in self.names.iter().enumerate() {
            if !names.iter().any(|name| globs.matches(name).contains(&index)) {
                return Err(Failure::absent("tenant", pattern, names));
            }
        }
        let fleet = &estate.fleet;
        known("ring", &self.ring, fleet.rings.iter().map(|ring| &ring.name))?;
        known("account", &self.account, fleet.accounts.keys())?;
        known("region", &self.region, fleet.regions.keys())?;
        let chosen = estate.tenants.values().filter(|tenant| {
            (self.names.is_empty() || globs.is_match(tenant.name.as_str()))
                && one_of(&self.ring, &tenant.spec.ring)
                && one_of(&self.account, &tenant.spec.account)
                && one_of(&self.region, &tenant.spec.region)
                && self.shard.is_none_or(|shard| shard.has(tenant.name.as_str()))
        });
        Ok(chosen.collect())
    }
}

/// The tenant of a name.
pub(super) fn tenant<'e>(estate: &'e Estate, name: &str) -> Result<&'e Tenant, Failure> {
    let found = estate.tenants.values().find(|tenant| tenant.name.as_str() == name);
    found.ok_or_else(|| Failure::absent("tenant", name, estate.tenants.keys().map(|name| name.as_str())))
}

/// What narrows the choice must be something that the fleet has.
fn known<'f, T: PartialEq + Display + 'f>(
    what: &str,
    wanted: &[T],
    fleet: impl Iterator<Item = &'f T>,
) -> Result<(), Failure> {
    let has: Vec<&T> = fleet.collect();
    match wanted.iter().find(|one| !has.contains(one)) {
        Some(unknown) => {
            let has: Vec<String> = has.iter().map(ToString::to_string).collect();
            Err(Failure::new(format!("the fleet has no {what} `{unknown}`"))
                .with_hint(format!("it has {}", has.join(", "))))
        }
        None => Ok(()),
    }
}

fn one_of<T: PartialEq>(wanted: &[T], actual: &T) -> bool {
    wanted.is_empty() || wanted.contains(actual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenant_is_in_exactly_one_shard_and_stays_there() {
        let shards: Vec<Shard> = (1..=8).map(|part| format!("{part}/8").parse().unwrap()).collect();
        let mut sizes = [0; 8];
        for tenant in (0..1000).map(|number| format!("tenant-{number}")) {
            let found: Vec<usize> = (0..8).filter(|part| shards[*part].has(&tenant)).collect();
            assert_eq!(found.len(), 1, "{tenant}");
            sizes[found[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (80..=170).contains(size)), "{sizes:?}");
        // Runners of different versions share a fleet only as long as this stays.
        assert!("1/8".parse::<Shard>().unwrap().has("acme"), "{:?}", (1..=8).find(|part| shards[part - 1].has("acme")));
    }

    #[test]
    fn a_shard_outside_its_number_is_refused() {
        for text in ["0/8", "9/8", "1/0", "1", "a/b", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
