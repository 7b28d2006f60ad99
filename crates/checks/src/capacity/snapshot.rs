//! What is known of one account and region. What nobody could look at is unknown, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::demand::{Demand, Within};
use crate::resources::Owner;

/// A value that was read, or the reason why it is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measured<T> {
    /// The value.
    Known(T),
    /// Why the value is unknown.
    Unknown(String),
}

impl<T> Default for Measured<T> {
    fn default() -> Self {
        Self::Unknown("not measured".to_owned())
    }
}

impl<T> Measured<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    pub fn as_ref(&self) -> Measured<&T> {
        match self {
            Self::Known(value) => Measured::Known(value),
            Self::Unknown(why) => Measured::Unknown(why.clone()),
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Measured<U> {
        match self {
            Self::Known(value) => Measured::Known(change(value)),
            Self::Unknown(why) => Measured::Unknown(why),
        }
    }

    /// Why it is not known.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }
}

/// A limit that holds in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub value: u64,
    /// Applied to this account, else AWS's default for everybody.
    pub applied: bool,
}

/// One account and region; by default nothing is known.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Limits by id of the quota.
    pub limits: BTreeMap<String, Measured<Limit>>,
    /// Use by everything that stands there, our own stacks included, by id of the quota.
    pub usage: BTreeMap<String, Measured<BTreeMap<Within, u64>>>,
    /// Stacks that stand there, by name.
    pub stacks: Measured<BTreeMap<String, Standing>>,
    /// What deployments under way are yet to make.
    pub in_flight: Demand,
    /// Why nobody can say what deployments under way are yet to make.
    pub unread: Option<String>,
    /// Names of the stacks with a deployment under way.
    pub deploying: Vec<String>,
    pub subnets: Measured<Vec<LiveSubnet>>,
    /// Names that are borne in the account, by type of resource.
    pub names: BTreeMap<&'static str, Measured<BTreeSet<String>>>,
    pub offer: Offer,
}

impl Snapshot {
    /// A place at which nobody could look, for one reason.
    pub fn unknown(why: &str) -> Self {
        let (stacks, subnets) = (Measured::Unknown(why.to_owned()), Measured::Unknown(why.to_owned()));
        let offer = Offer {
            enabled: Measured::Unknown(why.to_owned()),
            zones: Measured::Unknown(why.to_owned()),
            types: Measured::Unknown(why.to_owned()),
            instances: BTreeMap::new(),
        };
        Self { stacks, subnets, offer, ..Self::default() }
    }
}

/// A stack that stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Exactly as git says: what it takes is in the usage.
    AsDesired,
    /// As another template says.
    Otherwise(Box<Demand>),
    /// It could not be read.
    Unknown(String),
}

/// A subnet as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSubnet {
    pub id: String,
    pub cidr: String,
    /// Name of the stack, and its logical id there.
    pub stack: Option<String>,
    pub logical_id: Option<String>,
    /// The tenant that its tags name.
    pub tenant: Option<String>,
    /// Addresses that can still be had.
    pub free: u64,
    /// Addresses in use by owner; interfaces that cannot be read are unknown.
    pub owners: Measured<BTreeMap<Owner, u64>>,
}

/// What a region offers to an account.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// Whether the account may use the region.
    pub enabled: Measured<bool>,
    /// Ids of the zones that the account may use.
    pub zones: Measured<BTreeSet<String>>,
    /// Types of resources that CloudFormation makes there.
    pub types: Measured<BTreeSet<String>>,
    /// The zones in which a type of machine can be had.
    pub instances: BTreeMap<String, Measured<BTreeSet<String>>>,
}
