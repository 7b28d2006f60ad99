//! Sizes of the search domain: storage from retention and volume, nodes from storage.

use super::{Derived, MINUTES_PER_DAY, inputs, whole};
use tenantry_spec::estate::spec::TenantSpec;

/// Data nodes by size, smallest first: type, and the largest volume that we give one node of it, in GiB. The volumes are
/// kept below what gp3 takes for the type, so that a node's memory goes with its data.
/// Source: Amazon OpenSearch Service Developer Guide, "Quotas", "EBS volume size quotas" and "Sizing domains".
const DATA_NODES: [(&str, f64); 6] = [
    ("t3.small.search", 80.0),
    ("t3.medium.search", 160.0),
    ("r6g.large.search", 512.0),
    ("r6g.xlarge.search", 1024.0),
    ("r6g.2xlarge.search", 2048.0),
    ("r6g.4xlarge.search", 4096.0),
];
/// The largest node, whose volume may grow on where nodes may not.
const LARGEST_VOLUME_GIB: f64 = 6144.0;
const SMALLEST_VOLUME_GIB: f64 = 10.0;
/// Most data nodes of a domain. Source: Amazon OpenSearch Service Developer Guide, "Quotas".
const MOST_NODES: u32 = 400;
/// A larger type is taken once a smaller one would need more nodes per zone than this.
const NODES_PER_ZONE: f64 = 2.0;
/// Shares of a volume that Linux and OpenSearch keep for themselves.
/// Source: Amazon OpenSearch Service Developer Guide, "Sizing Amazon OpenSearch Service domains".
const LINUX_RESERVED: f64 = 0.05;
const SERVICE_RESERVED: f64 = 0.2;
/// Family of the types that are too small to be worth dedicated masters; every other domain has three.
/// Source: Amazon OpenSearch Service Developer Guide, "Dedicated master nodes".
const FAMILY_WITHOUT_MASTERS: &str = "t3.";

pub(super) struct Search {
    pub(super) zones: Derived<u32>,
    pub(super) instance_type: Derived<String>,
    pub(super) data_nodes: Derived<u32>,
    pub(super) volume_gib: Derived<u32>,
    pub(super) master_instance_type: Derived<String>,
    pub(super) master_nodes: Derived<u32>,
    pub(super) shards: Derived<u64>,
}

const WORKLOAD: [&str; 5] = [
    "ingest.peak_gib_per_minute",
    "ingest.mean_to_peak",
    "search.retention_days",
    "search.replicas",
    "search.index_ratio",
];

pub(super) fn size(spec: &TenantSpec, zones: usize) -> Search {
    let (ingest, search, pinned) = (&spec.ingest, &spec.search, &spec.overrides);
    let zones = if zones >= 3 { 3 } else { 2 };
    let copies = 1.0 + f64::from(search.replicas);
    let kept = ingest.peak_gib_per_minute
        * ingest.mean_to_peak
        * MINUTES_PER_DAY
        * f64::from(search.retention_days)
        * search.index_ratio
        * copies;
    let stored = kept / (1.0 - LINUX_RESERVED) / (1.0 - SERVICE_RESERVED);
    let stored = if stored.is_nan() { 0.0 } else { stored.clamp(0.0, LARGEST_VOLUME_GIB * f64::from(MOST_NODES)) };
    let (chosen, volume) = choose(stored, zones);
    let per_zone = (stored / f64::from(zones) / volume).ceil().max(1.0);
    let derived_nodes = whole(per_zone).saturating_mul(zones).min(MOST_NODES / zones * zones);
    let derived = |name, value, unit, formula, source| Derived {
        name,
        value,
        unit,
        formula,
        inputs: inputs(&[("stored GiB", stored), ("zones", f64::from(zones)), ("GiB per node", volume)]),
        source,
        depends_on: WORKLOAD.to_vec(),
        overridden: false,
    };
    let sizing = "Amazon OpenSearch Service Developer Guide, \"Sizing Amazon OpenSearch Service domains\"";
    let data_nodes =
        derived("search_data_nodes", derived_nodes, "nodes", "zones × ⌈stored GiB / zones / GiB per node⌉", sizing)
            .or(&pinned.search_data_nodes);
    let each = (stored / f64::from(data_nodes.value.max(1))).clamp(SMALLEST_VOLUME_GIB, LARGEST_VOLUME_GIB);
    let volume_gib = derived("search_volume_gib", whole(each), "GiB", "⌈stored GiB / data nodes⌉, at least 10", sizing)
        .or(&pinned.search_volume_gib);
    let instance = pinned.search_instance_type.as_deref().unwrap_or(chosen);
    let masters = if instance.starts_with(FAMILY_WITHOUT_MASTERS) { 0 } else { 3 };
    let text = |name, value: &str, formula, source| Derived {
        name,
        value: value.to_owned(),
        unit: "",
        formula,
        inputs: inputs(&[("stored GiB", stored), ("zones", f64::from(zones))]),
        source,
        depends_on: WORKLOAD.to_vec(),
        overridden: false,
    };
    let dedicated = "Amazon OpenSearch Service Developer Guide, \"Dedicated master nodes\"";
    let per_day = search.indices.shards_per_day();
    let days = u64::from(search.retention_days) + 1;
    Search {
        shards: Derived {
            name: "search_shards",
            value: per_day.saturating_mul(days).saturating_mul(u64::from(search.replicas) + 1),
            unit: "shards",
            formula: "primary shards a day × (days kept + today) × copies",
            inputs: inputs(&[
                ("primary shards a day", per_day as f64),
                ("search.retention_days", f64::from(search.retention_days)),
                ("copies", copies),
            ]),
            source: "`search.indices`: one index a dataset and day, unless it says otherwise",
            depends_on: vec!["search.indices", "search.retention_days", "search.replicas"],
            overridden: false,
        },
        zones: Derived {
            name: "search_zones",
            value: zones,
            unit: "zones",
            formula: "3 where the tenant has three zones or more, else 2",
            inputs: Vec::new(),
            source: "Amazon OpenSearch Service Developer Guide, \"Configuring a multi-AZ domain\"",
            depends_on: vec!["network.zones"],
            overridden: false,
        },
        instance_type: text(
            "search_instance_type",
            chosen,
            "the smallest type that needs at most two nodes in a zone, else the largest",
            "Amazon OpenSearch Service Developer Guide, \"Quotas\"",
        )
        .or(&pinned.search_instance_type),
        data_nodes,
        volume_gib,
        master_instance_type: text(
            "search_master_instance_type",
            if derived_nodes > 30 { "r6g.large.search" } else { "m6g.large.search" },
            "m6g.large up to 30 data nodes, r6g.large above",
            dedicated,
        ),
        master_nodes: derived("search_master_nodes", masters, "nodes", "none with t3 data nodes, else 3", dedicated),
    }
}

/// The smallest type of node that holds the data with few enough nodes, and its volume in GiB.
fn choose(stored: f64, zones: u32) -> (&'static str, f64) {
    let fits = |(_, volume): &&(&str, f64)| stored <= volume * NODES_PER_ZONE * f64::from(zones);
    let (name, volume) = DATA_NODES.iter().find(fits).unwrap_or(&DATA_NODES[DATA_NODES.len() - 1]);
    (name, *volume)
}
