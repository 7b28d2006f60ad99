//! An estate that does not exist: the one that does, with some values changed or some tenants more. What follows from it
//! goes the same way as everything else: it is rendered and counted.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ipnetwork::Ipv4Network;
use serde_json::Value;

use super::schema::{Kind, Schemas};
use super::spec::TenantSpec;
use super::{AllocationError, Estate, Tenant, allocate};
use tenantry_base::finding::Code;
use tenantry_base::ids::{Region, TenantName};

/// Most tenants that can be imagined at once.
const MOST: u32 = 10_000;

/// One thing that is otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum WhatIf {
    /// A value of the chosen tenants' specs, by its route.
    Set { route: String, value: Value },
    /// So many more tenants like one that exists, in its region or another.
    More { number: u32, like: TenantName, region: Option<Region> },
}

/// Why an estate cannot be imagined so.
#[derive(Debug, thiserror::Error)]
pub enum ImagineError {
    #[error("`{0}` is neither `section.parameter=4` nor `tenants+=50:like=acme@eu-west-1`")]
    Syntax(String),
    #[error("`{0}` tenants more is none of 1 to {MOST}")]
    Number(String),
    #[error("there is no tenant `{0}` to be like")]
    NoTenant(String),
    #[error("`{0}` is no region of the fleet")]
    NoRegion(String),
    #[error("the spec has no `{0}`")]
    NoRoute(String),
    #[error("tenant `{tenant}` cannot have `{route}` so: {message}")]
    Value { tenant: TenantName, route: String, message: String },
    #[error("no block of addresses is left for tenant {nth} of {number} like `{like}`")]
    Block {
        nth: u32,
        number: u32,
        like: TenantName,
        #[source]
        source: AllocationError,
    },
}

impl FromStr for WhatIf {
    type Err = ImagineError;

    fn from_str(text: &str) -> Result<Self, ImagineError> {
        let syntax = || ImagineError::Syntax(text.to_owned());
        if let Some(more) = text.strip_prefix("tenants+=") {
            let (number, like) = more.split_once(":like=").ok_or_else(syntax)?;
            let wrong = || ImagineError::Number(number.to_owned());
            let number: u32 = number.parse().map_err(|_| wrong())?;
            if !(1..=MOST).contains(&number) {
                return Err(wrong());
            }
            let (like, region) = match like.split_once('@') {
                Some((like, region)) => {
                    let region = region.parse().map_err(|_| ImagineError::NoRegion(region.to_owned()))?;
                    (like, Some(region))
                }
                None => (like, None),
            };
            let like = like.parse().map_err(|_| ImagineError::NoTenant(like.to_owned()))?;
            return Ok(Self::More { number, like, region });
        }
        let (route, value) = text.split_once('=').ok_or_else(syntax)?;
        if route.is_empty() || route.split('.').any(str::is_empty) {
            return Err(syntax());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self::Set { route: route.to_owned(), value })
    }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { route, value } => write!(f, "{route}={value}"),
            Self::More { number, like, region: Some(region) } => write!(f, "tenants+={number}:like={like}@{region}"),
            Self::More { number, like, region: None } => write!(f, "tenants+={number}:like={like}"),
        }
    }
}

/// The estate with everything that is otherwise, in the order given; values are set in the tenants that `chosen` names.
///
/// # Errors
/// A route that no spec has, a value that its schema refuses, a tenant or region that does not exist, no addresses left.
pub fn imagine(
    estate: &Estate,
    otherwise: &[WhatIf],
    chosen: impl Fn(&Tenant) -> bool,
) -> Result<Estate, ImagineError> {
    let mut imagined = estate.clone();
    let schemas = Schemas::of(&estate.blueprint);
    for one in otherwise {
        match one {
            WhatIf::Set { route, value } => {
                for tenant in imagined.tenants.values_mut().filter(|tenant| chosen(tenant)) {
                    tenant.spec = set(&schemas, tenant, route, value)?;
                }
            }
            WhatIf::More { number, like, region } => more(&mut imagined, *number, like, region.as_ref())?,
        }
    }
    Ok(imagined)
}

/// A tenant's spec with one value changed.
fn set(schemas: &Schemas, tenant: &Tenant, route: &str, value: &Value) -> Result<TenantSpec, ImagineError> {
    let refused =
        |message: String| ImagineError::Value { tenant: tenant.name.clone(), route: route.to_owned(), message };
    let mut spec = serde_json::to_value(&tenant.spec).map_err(|error| refused(error.to_string()))?;
    let keys: Vec<&str> = route.split('.').collect();
    let mut place = &mut spec;
    for key in &keys {
        let inside = place.as_object_mut().ok_or_else(|| ImagineError::NoRoute(route.to_owned()))?;
        place = inside.entry(*key).or_insert(Value::Null);
    }
    *place = value.clone();
    if let Some(found) = schemas.breaks(Kind::Tenant, &spec).into_iter().next() {
        return Err(match found.code {
            Code::TN1004 => ImagineError::NoRoute(route.to_owned()),
            _ => refused(found.message),
        });
    }
    serde_json::from_value(spec).map_err(|error| refused(error.to_string()))
}

/// Adds tenants like one that exists, each with a block of addresses of its own.
fn more(estate: &mut Estate, number: u32, like: &TenantName, region: Option<&Region>) -> Result<(), ImagineError> {
    let model = estate.tenants.get(like).cloned().ok_or_else(|| ImagineError::NoTenant(like.to_string()))?;
    let region = region.unwrap_or(&model.spec.region).clone();
    if !estate.fleet.regions.contains_key(&region) {
        return Err(ImagineError::NoRegion(region.to_string()));
    }
    let prefix = model.spec.network.cidr.prefix();
    let mut taken: Vec<Ipv4Network> = estate.tenants.values().map(|tenant| tenant.spec.network.cidr).collect();
    for (nth, name) in (1..=number).zip(names(estate, like)) {
        let cidr = allocate(&estate.fleet, &taken, &region, Some(prefix)).map_err(|source| ImagineError::Block {
            nth,
            number,
            like: like.clone(),
            source,
        })?;
        taken.push(cidr);
        let mut tenant =
            Tenant { name: name.clone(), source: Arc::clone(&model.source), places: None, ..model.clone() };
        tenant.spec.region = region.clone();
        tenant.spec.network.cidr = cidr;
        estate.tenants.insert(name, tenant);
    }
    Ok(())
}

/// Names that no tenant has: the model's with a number behind it, or `more` where that would be too long.
fn names(estate: &Estate, like: &TenantName) -> Vec<TenantName> {
    let most = MOST as usize + estate.tenants.len();
    let named = |nth: usize| {
        [format!("{like}-{nth}"), format!("more-{nth}")].into_iter().find_map(|name| name.parse::<TenantName>().ok())
    };
    (1..=most * 2).filter_map(named).filter(|name| !estate.tenants.contains_key(name)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn estate() -> Estate {
        let (estate, findings) = crate::estate::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
        assert!(!crate::estate::has_errors(&findings), "{findings:?}");
        estate.unwrap()
    }

    fn with(texts: &[&str]) -> Result<Estate, ImagineError> {
        let otherwise: Result<Vec<WhatIf>, _> = texts.iter().map(|text| text.parse()).collect();
        imagine(&estate(), &otherwise?, |_| true)
    }

    #[test]
    fn values_are_set_by_their_route_and_held_against_the_schema() {
        let imagined =
            with(&["ingest.peak_gib_per_minute=4", "network.eni_model=per-execution", "overrides.part_mib=32"]);
        for tenant in imagined.unwrap().tenants.values() {
            assert_eq!(tenant.spec.parameter("ingest.peak_gib_per_minute"), Some(&Value::from(4)));
            assert_eq!(tenant.spec.parameter("overrides.part_mib"), Some(&Value::from(32)));
        }
        let refused = |text: &str| with(&[text]).unwrap_err().to_string();
        assert!(refused("ingest.peak_gib_per_minute=-1").contains("peak_gib_per_minute"));
        assert!(refused("ingest.peak_gib_per_minute=1e308").contains("peak_gib_per_minute"));
        assert_eq!(refused("ingest.peek=4"), "the spec has no `ingest.peek`");
        assert_eq!(refused("ingest.peak_gib_per_minute.x=4"), "the spec has no `ingest.peak_gib_per_minute.x`");
        for text in ["", "=4", "a..b=4", "ingest"] {
            assert!(matches!(with(&[text]), Err(ImagineError::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn more_tenants_have_names_and_blocks_of_their_own() {
        let before = estate();
        let like = before.tenants.values().find(|tenant| tenant.spec.region.as_str() == "eu-west-1").unwrap();
        let imagined = with(&[&format!("tenants+=20:like={}@eu-west-1", like.name)]).unwrap();
        assert_eq!(imagined.tenants.len(), before.tenants.len() + 20);
        let mut blocks: Vec<Ipv4Network> = imagined.tenants.values().map(|tenant| tenant.spec.network.cidr).collect();
        blocks.sort_unstable_by_key(|block| block.network());
        let apart = |pair: &[Ipv4Network]| pair[0].broadcast() < pair[1].network();
        assert!(blocks.windows(2).all(apart), "{blocks:?}");
        // Those that exist keep theirs.
        assert!(before.tenants.iter().all(|(name, tenant)| imagined.tenants[name].spec == tenant.spec));
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let error = |text: &str| with(&[text]).unwrap_err();
        assert!(matches!(error("tenants+=0:like=acme"), ImagineError::Number(_)));
        assert!(matches!(error("tenants+=99999999999:like=acme"), ImagineError::Number(_)));
        assert!(matches!(error("tenants+=5"), ImagineError::Syntax(_)));
        assert!(matches!(error("tenants+=5:like=nobody"), ImagineError::NoTenant(_)));
        assert!(matches!(error("tenants+=5:like=acme@nowhere"), ImagineError::NoRegion(_)));
        assert!(matches!(error("tenants+=5:like=acme@ap-south-1"), ImagineError::NoRegion(_)));
        assert!(matches!(error("tenants+=9999:like=acme"), ImagineError::Block { .. }));
    }
}
