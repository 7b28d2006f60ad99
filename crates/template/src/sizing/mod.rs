//! From workload to sizes: every number that a tenant's stack needs and nobody should have to write.
//!
//! In: the tenant's spec. Out: a [`Sizing`], in which each number carries its formula, inputs and source, so that
//! `tenantry explain NAME` can show the reasoning. It knows nothing about addresses, templates or prices.

mod fit;
mod functions;
mod search;

use serde::Serialize;

pub use fit::{Overrun, overruns, shards};

use tenantry_spec::estate::spec::TenantSpec;

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
    pub splitter_work: Work,
    pub ingest_work: Work,
    /// Visibility timeout of the queue that feeds a function: at least six times the function's timeout.
    pub queue_visibility_seconds: Derived<u32>,
    pub search_instance_type: Derived<String>,
    /// Data nodes over all zones; a multiple of the zones used by the domain.
    pub search_data_nodes: Derived<u32>,
    pub search_master_instance_type: Derived<String>,
    /// Dedicated masters: 3 or 0.
    pub search_master_nodes: Derived<u32>,
    pub search_volume_gib: Derived<u32>,
    /// Shards that the domain holds in the end, copies included.
    pub search_shards: Derived<u64>,
    /// Zones that the domain spreads over: 2 or 3.
    pub search_zones: Derived<u32>,
    /// Proxy tasks behind the investigators' load balancer.
    pub proxy_tasks: Derived<u32>,
    /// Messages in the retry queue at which the alarm rings.
    pub retry_depth_alarm: Derived<u32>,
    /// Storage that the landing bucket holds, GiB.
    pub landing_gib: Derived<u64>,
}

/// What one function is billed for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Work {
    /// Executions of a day at the mean rate, and of a day that is all peak.
    pub mean_per_day: Derived<u32>,
    pub peak_per_day: Derived<u32>,
    /// Of one execution: at work, and waiting for somebody else.
    pub working_milliseconds: Derived<u32>,
    pub waiting_milliseconds: Derived<u32>,
}

/// Days for which uploaded objects stay in the landing bucket's first storage class.
const LANDING_DAYS: f64 = 7.0;
/// Requests of investigators are few: two tasks so that one may be lost with its zone.
const PROXY_TASKS: u32 = 2;

/// Sizes a tenant whose stack stands in `zones` zones. Total: whatever the spec says, every number is finite and within
/// the limits of the service it is for.
pub fn size(spec: &TenantSpec, zones: usize) -> Sizing {
    let functions = functions::size(spec);
    let search = search::size(spec, zones);
    let landing = spec.ingest.peak_gib_per_minute * spec.ingest.mean_to_peak * MINUTES_PER_DAY * LANDING_DAYS;
    Sizing {
        proxy_tasks: Derived {
            name: "proxy_tasks",
            value: PROXY_TASKS,
            unit: "tasks",
            formula: "two, in different zones",
            inputs: Vec::new(),
            source: "one task may be lost with its zone",
            depends_on: Vec::new(),
            overridden: false,
        },
        landing_gib: Derived {
            name: "landing_gib",
            value: whole(landing).into(),
            unit: "GiB",
            formula: "peak GiB per minute × mean to peak × 1,440 × days kept",
            inputs: inputs(&[
                ("ingest.peak_gib_per_minute", spec.ingest.peak_gib_per_minute),
                ("ingest.mean_to_peak", spec.ingest.mean_to_peak),
                ("days kept", LANDING_DAYS),
            ]),
            source: "lifecycle of the landing bucket",
            depends_on: vec!["ingest.peak_gib_per_minute", "ingest.mean_to_peak"],
            overridden: false,
        },
        part_mib: functions.part_mib,
        splitter_memory_mib: functions.splitter.memory_mib,
        splitter_timeout_seconds: functions.splitter.timeout_seconds,
        splitter_concurrency: functions.splitter.concurrency,
        ingest_memory_mib: functions.ingest.memory_mib,
        ingest_timeout_seconds: functions.ingest.timeout_seconds,
        ingest_concurrency: functions.ingest.concurrency,
        splitter_work: functions.splitter.work,
        ingest_work: functions.ingest.work,
        queue_visibility_seconds: functions.queue_visibility_seconds,
        retry_depth_alarm: functions.retry_depth_alarm,
        search_instance_type: search.instance_type,
        search_data_nodes: search.data_nodes,
        search_master_instance_type: search.master_instance_type,
        search_master_nodes: search.master_nodes,
        search_volume_gib: search.volume_gib,
        search_shards: search.shards,
        search_zones: search.zones,
    }
}

const MINUTES_PER_DAY: f64 = 1440.0;

/// The number rounded up; what is negative or no number counts as 0, what is too large as the largest.
fn whole(number: f64) -> u32 {
    if number.is_nan() { 0 } else { number.ceil().clamp(0.0, f64::from(u32::MAX)) as u32 }
}

fn inputs(pairs: &[(&str, f64)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), format!("{}", (value * 1000.0).round() / 1000.0))).collect()
}

impl<T: Clone> Derived<T> {
    /// The number, or what the spec pins it to.
    fn or(mut self, pinned: &Option<T>) -> Self {
        if let Some(value) = pinned {
            self.value = value.clone();
            self.overridden = true;
        }
        self
    }
}

impl Sizing {
    /// Every number as text, in the order in which they are derived.
    pub fn rows(&self) -> Vec<Derived<String>> {
        vec![
            self.part_mib.row(),
            self.splitter_memory_mib.row(),
            self.splitter_timeout_seconds.row(),
            self.splitter_concurrency.row(),
            self.ingest_memory_mib.row(),
            self.ingest_timeout_seconds.row(),
            self.ingest_concurrency.row(),
            self.splitter_work.mean_per_day.row(),
            self.splitter_work.peak_per_day.row(),
            self.splitter_work.working_milliseconds.row(),
            self.splitter_work.waiting_milliseconds.row(),
            self.ingest_work.mean_per_day.row(),
            self.ingest_work.peak_per_day.row(),
            self.ingest_work.working_milliseconds.row(),
            self.ingest_work.waiting_milliseconds.row(),
            self.queue_visibility_seconds.row(),
            self.retry_depth_alarm.row(),
            self.landing_gib.row(),
            self.search_zones.row(),
            self.search_instance_type.row(),
            self.search_data_nodes.row(),
            self.search_volume_gib.row(),
            self.search_shards.row(),
            self.search_master_instance_type.row(),
            self.search_master_nodes.row(),
            self.proxy_tasks.row(),
        ]
    }
}

impl<T: ToString> Derived<T> {
    fn row(&self) -> Derived<String> {
        Derived {
            name: self.name,
            value: self.value.to_string(),
            unit: self.unit,
            formula: self.formula,
            inputs: self.inputs.clone(),
            source: self.source,
            depends_on: self.depends_on.clone(),
            overridden: self.overridden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn spec(peak_gib_per_minute: f64) -> TenantSpec {
        serde_json::from_value(json!({
            "apiVersion": "tenantry/v1", "account": "111122223333", "region": "eu-west-1", "ring": "canary",
            "contact": { "timezone": "Europe/Zagreb", "page": "https://pages.example.com/acme" },
            "network": { "cidr": "10.20.0.0/18" },
            "ingest": { "peak_gib_per_minute": peak_gib_per_minute, "client_ca": "certs/acme.pem" },
        }))
        .unwrap()
    }

    #[test]
    fn the_talks_customer_needs_ten_ingest_functions_and_three_zones_of_search() {
        let sizing = size(&spec(2.0), 3);
        assert_eq!(sizing.ingest_concurrency.value, 10);
        assert_eq!(sizing.search_zones.value, 3);
        assert_eq!(sizing.search_master_nodes.value, 3);
        assert!(sizing.search_data_nodes.value.is_multiple_of(3));
        let stored = f64::from(sizing.search_data_nodes.value * sizing.search_volume_gib.value);
        assert!(stored >= 2.0 * 0.5 * 1440.0 * 30.0 * 0.12 * 2.0, "{stored}");
    }

    #[test]
    fn a_small_tenant_stays_small() {
        let sizing = size(&spec(0.05), 2);
        assert_eq!((sizing.search_data_nodes.value, sizing.search_master_nodes.value), (4, 0));
        assert_eq!(sizing.ingest_concurrency.value, 3);
    }

    #[test]
    fn the_queue_hides_a_message_for_six_timeouts() {
        for peak in [0.001, 0.05, 1.0, 2.0, 40.0, 1000.0] {
            let sizing = size(&spec(peak), 3);
            let longest = sizing.ingest_timeout_seconds.value.max(sizing.splitter_timeout_seconds.value);
            assert!(sizing.queue_visibility_seconds.value >= 6 * longest, "{peak}");
        }
    }

    #[test]
    fn absurd_workloads_stay_within_the_services_limits() {
        for peak in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            let mut spec = spec(1.0);
            spec.ingest.peak_gib_per_minute = peak;
            spec.ingest.files_per_minute = 0.0;
            let sizing = size(&spec, 3);
            assert!((1..=900).contains(&sizing.splitter_timeout_seconds.value));
            assert!(sizing.search_volume_gib.value <= 24_576 && sizing.search_data_nodes.value <= 400);
        }
    }

    #[test]
    fn more_workload_never_needs_less() {
        let mut last = size(&spec(0.001), 3);
        for step in 1..400 {
            let next = size(&spec(f64::from(step) * 0.05), 3);
            assert!(next.ingest_concurrency.value >= last.ingest_concurrency.value);
            let stored = |s: &Sizing| u64::from(s.search_data_nodes.value) * u64::from(s.search_volume_gib.value);
            assert!(stored(&next) >= stored(&last));
            last = next;
        }
    }

    #[test]
    fn a_pinned_number_wins_and_says_so() {
        let mut spec = spec(2.0);
        spec.overrides.ingest_concurrency = Some(77);
        let sizing = size(&spec, 3);
        assert_eq!((sizing.ingest_concurrency.value, sizing.ingest_concurrency.overridden), (77, true));
        assert!(!sizing.splitter_concurrency.overridden);
    }
}
