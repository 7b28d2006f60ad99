//! From workload to sizes: every number that a tenant's stack needs and nobody should have to write.
//!
//! In: the tenant's spec. Out: a [`Sizing`], in which each number carries its formula, inputs and source, so that
//! `tenantry explain NAME` can show the reasoning. It knows nothing about addresses, templates or prices.

use serde::Serialize;

/// A number with its reasoning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Derived<T> {
    pub name: &'static str,
    pub value: T,
    pub unit: &'static str,
    /// The formula in words and symbols.
    pub formula: &'static str,
    /// The formula's inputs: name or spec field, and value as text.
    pub inputs: Vec<(String, String)>,
    /// Where the formula or its constants come from.
    pub source: &'static str,
    /// Routes of the spec fields that this number depends on (`ingest.peak_gib_per_minute`).
    pub depends_on: Vec<&'static str>,
    /// The spec pins this number.
    pub overridden: bool,
}

/// Every derived size of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sizing {
    pub part_mib: Derived<u32>,
    pub splitter_memory_mib: Derived<u32>,
    pub splitter_timeout_seconds: Derived<u32>,
    /// Reserved concurrency of the splitter.
    pub splitter_concurrency: Derived<u32>,
    pub ingest_memory_mib: Derived<u32>,
    pub ingest_timeout_seconds: Derived<u32>,
    /// Reserved concurrency of the ingest function.
    pub ingest_concurrency: Derived<u32>,
    /// Visibility timeout of the queue that feeds a function: at least six times the function's timeout.
    pub queue_visibility_seconds: Derived<u32>,
    pub search_instance_type: Derived<String>,
    /// Data nodes over all zones; a multiple of the zones used by the domain.
    pub search_data_nodes: Derived<u32>,
    pub search_master_instance_type: Derived<String>,
    /// Dedicated masters: 3 or 0.
    pub search_master_nodes: Derived<u32>,
    pub search_volume_gib: Derived<u32>,
    /// Zones that the domain spreads over: 2 or 3.
    pub search_zones: Derived<u32>,
    /// Proxy tasks behind the investigators' load balancer.
    pub proxy_tasks: Derived<u32>,
    /// Messages in the retry queue at which the alarm rings.
    pub retry_depth_alarm: Derived<u32>,
    /// Storage that the landing bucket holds, GiB.
    pub landing_gib: Derived<u64>,
}
