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
pub type Told<T> = Result<T, String>;

/// The live properties of a resource; nothing when it is gone.
pub type Telling = Option<Map<String, Value>>;

/// What the stacks of one account and region share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub stacks: Told<BTreeMap<String, Stack>>,
    pub vpcs: Told<Vec<Vpc>>,
    pub subnets: Told<Vec<Item>>,
    pub route_tables: Told<Vec<RouteTable>>,
    pub acls: Told<Vec<Acl>>,
    pub groups: Told<Vec<Group>>,
    pub endpoints: Told<Vec<Item>>,
    pub nat_gateways: Told<Vec<Item>>,
    pub flow_logs: Told<Vec<Item>>,
    pub internet_gateways: Told<Vec<Item>>,
    pub addresses: Told<Vec<Item>>,
    pub interfaces: Told<Vec<Interface>>,
    pub instances: Told<Vec<Item>>,
    /// Peerings, VPN and transit gateways, egress-only gateways.
    pub connections: Told<Vec<Connection>>,
    /// What of EC2 bears a tenant's tag, by tenant.
    pub tagged: Told<BTreeMap<String, Vec<Tagged>>>,
    /// What of any service bears a tenant's tag, by tenant.
    pub bearers: Told<BTreeMap<String, Vec<Bearer>>>,
    pub functions: Told<BTreeMap<String, Function>>,
    /// Event source mappings, by id.
    pub mappings: Told<BTreeMap<String, Map<String, Value>>>,
    pub alarms: Told<BTreeMap<String, Alarm>>,
    /// Roles of the account, by name.
    pub roles: Told<BTreeMap<String, Map<String, Value>>>,
    /// Attributes that no physical id tells, by physical id.
    pub attributes: Told<BTreeMap<String, BTreeMap<String, String>>>,
}

/// What is told about one stack alone.
#[derive(Debug, Clone)]
pub struct StackView {
    /// The template that it was last deployed with.
    pub template: Told<String>,
    pub resources: Told<Vec<Resource>>,
    /// What drift detection found, by logical id.
    pub drifts: Told<BTreeMap<String, ResourceDrift>>,
    /// Live properties by the services' own APIs or by Cloud Control, by logical id; nothing when it is gone.
    pub told: BTreeMap<String, Vec<Told<Telling>>>,
    /// Why Cloud Control did not tell about a resource that nobody else was sure to tell about, by logical id.
    pub untold: BTreeMap<String, String>,
    /// What stands beside the resources, as [`neighbours`](super::neighbours) asked.
    pub(super) beside: Beside,
}

impl Shared {
    /// A snapshot of which nothing was told.
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
