//! The snapshot: what AWS tells about the stacks of one account and region. What it did not tell is a reason.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use tenantry_aws::cloud::alarms::Alarm;
use tenantry_aws::cloud::cloudformation::{Resource, Stack};
use tenantry_aws::cloud::drift_detection::ResourceDrift;
use tenantry_aws::cloud::ec2::Vpc;
use tenantry_aws::cloud::functions::Function;
use tenantry_aws::cloud::neighbours::{Connection, Interface, Tagged};
use tenantry_aws::cloud::network::{Acl, Group, Item, RouteTable};
use tenantry_aws::cloud::tagging::Bearer;

use super::neighbours::ask::Beside;

/// A value, or why there is none.
pub type Reading<T> = Result<T, String>;

/// The live properties of a resource; nothing when it is gone.
pub type Described = Option<Map<String, Value>>;

/// What the stacks of one account and region share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub stacks: Reading<BTreeMap<String, Stack>>,
    pub vpcs: Reading<Vec<Vpc>>,
    pub subnets: Reading<Vec<Item>>,
    pub route_tables: Reading<Vec<RouteTable>>,
    pub acls: Reading<Vec<Acl>>,
    pub groups: Reading<Vec<Group>>,
    pub endpoints: Reading<Vec<Item>>,
    pub nat_gateways: Reading<Vec<Item>>,
    pub flow_logs: Reading<Vec<Item>>,
    pub internet_gateways: Reading<Vec<Item>>,
    pub addresses: Reading<Vec<Item>>,
    pub interfaces: Reading<Vec<Interface>>,
    pub instances: Reading<Vec<Item>>,
    /// Peerings, VPN and transit gateways, egress-only gateways.
    pub connections: Reading<Vec<Connection>>,
    /// What of EC2 bears a tenant's tag, by tenant.
    pub tagged: Reading<BTreeMap<String, Vec<Tagged>>>,
    /// What of any service bears a tenant's tag, by tenant.
    pub bearers: Reading<BTreeMap<String, Vec<Bearer>>>,
    pub functions: Reading<BTreeMap<String, Function>>,
    /// Event source mappings, by id.
    pub mappings: Reading<BTreeMap<String, Map<String, Value>>>,
    pub alarms: Reading<BTreeMap<String, Alarm>>,
    /// Roles of the account, by name.
    pub roles: Reading<BTreeMap<String, Map<String, Value>>>,
    /// Attributes that no physical id tells, by physical id.
    pub attributes: Reading<BTreeMap<String, BTreeMap<String, String>>>,
}

/// What is known of one stack alone.
#[derive(Debug, Clone)]
pub struct StackView {
    /// The template that it was last deployed with.
    pub template: Reading<String>,
    pub resources: Reading<Vec<Resource>>,
    /// What drift detection found, by logical id.
    pub drifts: Reading<BTreeMap<String, ResourceDrift>>,
    /// Live properties by the services' own APIs or by Cloud Control, by logical id; nothing when it is gone.
    pub described: BTreeMap<String, Vec<Reading<Described>>>,
    /// Why Cloud Control did not describe a resource that nobody else was sure to describe, by logical id.
    pub undescribed: BTreeMap<String, String>,
    /// What stands beside the resources, as [`neighbours`](super::neighbours) asked.
    pub(super) beside: Beside,
}

impl Shared {
    /// A snapshot of which nothing was reported.
    pub fn unseen(why: &str) -> Self {
        let why = || why.to_owned();
        Self {
            stacks: Err(why()),
            vpcs: Err(why()),
            subnets: Err(why()),
            route_tables: Err(why()),
            acls: Err(why()),
            groups: Err(why()),
            endpoints: Err(why()),
            nat_gateways: Err(why()),
            flow_logs: Err(why()),
            internet_gateways: Err(why()),
            addresses: Err(why()),
            interfaces: Err(why()),
            instances: Err(why()),
            connections: Err(why()),
            tagged: Err(why()),
            bearers: Err(why()),
            functions: Err(why()),
            mappings: Err(why()),
            alarms: Err(why()),
            roles: Err(why()),
            attributes: Err(why()),
        }
    }
}
