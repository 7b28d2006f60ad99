//! What a template holds of everything that is billed: counted once, for all lines of the bill.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::resources;

/// Counts and sizes of one template.
#[derive(Debug, Default)]
pub(super) struct Facts<'t> {
    pub(super) nat_gateways: u64,
    /// Interface endpoints, once for each of their subnets.
    pub(super) endpoint_zones: u64,
    pub(super) elastic_addresses: u64,
    /// Load balancers that face the internet, once for each of their subnets.
    pub(super) load_balancer_addresses: u64,
    pub(super) load_balancers: u64,
    pub(super) trust_stores: u64,
    pub(super) tasks: u64,
    /// Of all tasks.
    pub(super) vcpus: f64,
    pub(super) task_gib: f64,
    /// Nodes of search domains, masters too, by instance type.
    pub(super) search_nodes: BTreeMap<&'t str, u64>,
    /// Storage of all search nodes.
    pub(super) search_gib: u64,
    pub(super) search_zones: u64,
    pub(super) functions: Vec<Function<'t>>,
    /// Days for which a byte that arrives is stored, over all prefixes of all buckets that it passes.
    pub(super) stored_days: u64,
    pub(super) mappings: u64,
    pub(super) alarms: u64,
    pub(super) dashboards: u64,
    pub(super) keys: u64,
    pub(super) log_groups: u64,
    /// The longest retention of a log group; 0 where there is none.
    pub(super) log_days: u64,
    pub(super) log_filters: u64,
    pub(super) flow_logs: u64,
    pub(super) unknown_types: BTreeSet<String>,
    /// What is paid as long as it exists, by the rows of the table.
    pub(super) standing: Vec<Standing<'t>>,
    /// Types that are billed, but not by themselves: how.
    pub(super) elsewhere: BTreeMap<String, &'static str>,
}

/// Units of an item that one resource is billed for.
#[derive(Debug)]
pub(super) struct Standing<'t> {
    pub(super) id: &'t str,
    /// `RDS` of `AWS::RDS::DBInstance`.
    pub(super) service: &'static str,
    pub(super) item: String,
    /// Null if the template does not show it.
    pub(super) count: Option<u64>,
    pub(super) formula: &'static str,
    pub(super) hourly: bool,
}

#[derive(Debug)]
pub(super) struct Function<'t> {
    pub(super) id: &'t str,
    pub(super) architecture: &'t str,
    pub(super) memory_gib: f64,
    /// Asks for its flags.
    pub(super) has_flags: bool,
}

impl<'t> Facts<'t> {
    /// Counts what a template holds.
    pub(super) fn of(template: &'t Value) -> Self {
        let mut facts = Self::default();
        for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
            let kind = resource["Type"].as_str().unwrap_or("");
            let row = resources::table().get(kind);
            let Some((kind, billing)) = row.and_then(|(kind, row)| Some((kind, row.billing.as_ref()?))) else {
                facts.unknown_types.insert(kind.to_owned());
                continue;
            };
            let properties = &resource["Properties"];
            if let Some(how) = &billing.elsewhere {
                facts.elsewhere.insert(kind.to_owned(), how);
            }
            if let Some(by) = &billing.by {
                facts.count(template, id, by, properties);
            }
            let service = kind.split("::").nth(1).unwrap_or(kind);
            facts.standing.extend(billing.items.iter().map(|billed| Standing {
                id,
                service,
                item: billed.item.of(properties),
                count: billed.count.of(properties),
                formula: billed.count.text(),
                hourly: billed.hourly,
            }));
        }
        facts
    }

    /// Counts a resource that is billed by one of [`resources::BILLED_BY`].
    fn count(&mut self, template: &'t Value, id: &'t str, by: &str, properties: &'t Value) {
        match by {
            "nat-gateway" => self.nat_gateways += 1,
            "elastic-address" => self.elastic_addresses += 1,
            "endpoint" if properties["VpcEndpointType"] == "Interface" => {
                self.endpoint_zones += length(&properties["SubnetIds"]);
            }
            "load-balancer" => {
                self.load_balancers += 1;
                if properties["Scheme"] != "internal" {
                    self.load_balancer_addresses += length(&properties["Subnets"]);
                }
            }
            "trust-store" => self.trust_stores += 1,
            "flow-log" => self.flow_logs += 1,
            "task-service" => self.service(template, properties),
            "search-domain" => self.domain(properties),
            "function" => self.functions.push(function(id, properties)),
            "event-source-mapping" => self.mappings += 1,
            "bucket" => self.stored_days += stored_days(properties),
            "alarm" => self.alarms += alarm_metrics(properties),
            "dashboard" => self.dashboards += 1,
            "key" => self.keys += 1,
            "log-group" => {
                self.log_groups += 1;
                self.log_days = self.log_days.max(whole(&properties["RetentionInDays"]));
            }
            "log-filter" => self.log_filters += 1,
            _ => {}
        }
    }

    fn service(&mut self, template: &Value, properties: &Value) {
        let tasks = whole(&properties["DesiredCount"]);
        let id = properties["TaskDefinition"]["Ref"].as_str().unwrap_or("");
        let task = &template["Resources"][id]["Properties"];
        self.tasks += tasks;
        self.vcpus += tasks as f64 * number(&task["Cpu"]) / 1024.0;
        self.task_gib += tasks as f64 * number(&task["Memory"]) / 1024.0;
    }

    fn domain(&mut self, properties: &'t Value) {
        let cluster = &properties["ClusterConfig"];
        let nodes = whole(&cluster["InstanceCount"]);
        *self.search_nodes.entry(cluster["InstanceType"].as_str().unwrap_or("unknown")).or_default() += nodes;
        let masters = whole(&cluster["DedicatedMasterCount"]);
        if masters > 0 {
            *self.search_nodes.entry(cluster["DedicatedMasterType"].as_str().unwrap_or("unknown")).or_default() +=
                masters;
        }
        self.search_gib += nodes.saturating_mul(whole(&properties["EBSOptions"]["VolumeSize"]));
        self.search_zones = self.search_zones.max(whole(&cluster["ZoneAwarenessConfig"]["AvailabilityZoneCount"]));
    }

    /// Network interfaces that a flow log records, roughly: one for each thing that has an address.
    pub(super) fn interfaces(&self) -> u64 {
        let nodes: u64 = self.search_nodes.values().sum();
        self.nat_gateways
            + self.endpoint_zones
            + self.load_balancer_addresses
            + self.tasks
            + nodes
            + self.functions.len() as u64 * self.search_zones
    }
}

fn function<'t>(id: &'t str, properties: &'t Value) -> Function<'t> {
    let variables = &properties["Environment"]["Variables"];
    Function {
        id,
        architecture: properties["Architectures"][0].as_str().unwrap_or("x86_64"),
        memory_gib: number(&properties["MemorySize"]) / 1024.0,
        has_flags: variables.get("FLAGS_PATH").is_some(),
    }
}

/// Days for which a byte is stored that arrives once below each prefix that starts a function: until its version ends,
/// and then as an old version. What a function sets aside is not all that arrives.
fn stored_days(properties: &Value) -> u64 {
    let rules = properties["LifecycleConfiguration"]["Rules"].as_array();
    let started = properties["NotificationConfiguration"]["LambdaConfigurations"].as_array();
    let prefixes: Vec<&str> = started
        .into_iter()
        .flatten()
        .flat_map(|one| one["Filter"]["S3Key"]["Rules"].as_array().into_iter().flatten())
        .filter(|rule| rule["Name"] == "prefix")
        .filter_map(|rule| rule["Value"].as_str())
        .collect();
    let one = |rule: &Value| match whole(&rule["ExpirationInDays"]) {
        0 => 0,
        days => days + whole(&rule["NoncurrentVersionExpiration"]["NoncurrentDays"]),
    };
    rules
        .into_iter()
        .flatten()
        .filter(|rule| rule["Prefix"].as_str().is_some_and(|prefix| prefixes.contains(&prefix)))
        .map(one)
        .sum()
}

fn length(list: &Value) -> u64 {
    list.as_array().map_or(0, |items| items.len() as u64)
}

/// A number, or a text that is one; anything else counts as 0.
fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap_or(0.0),
        other => other.as_f64().unwrap_or(0.0),
    }
}

fn whole(value: &Value) -> u64 {
    number(value) as u64
}

/// Metrics that an alarm is billed for: one, or each that its expression reads.
/// Source: Amazon CloudWatch pricing, "Alarms".
fn alarm_metrics(properties: &Value) -> u64 {
    let metrics = properties["Metrics"].as_array().into_iter().flatten();
    metrics.filter(|metric| metric["MetricStat"].is_object()).count().max(1) as u64
}
