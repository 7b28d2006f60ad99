//! How many addresses functions take: the two models of Lambda's network interfaces, side by side.

use serde::Serialize;

use super::addresses::{
    CONNECTIONS_PER_EXECUTION, CONNECTIONS_PER_INTERFACE, MIB_PER_INTERFACE, REPLACEMENT_FACTOR, connections, each,
    hyperplane, per_execution,
};
use crate::sizing::{Derived, Sizing};
use tenantry_spec::estate::spec::{EniModel, TenantSpec};

/// Interfaces that a tenant's functions need in one Lambda subnet when `zones` subnets share the load. Each function
/// has a set of security groups of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Interfaces {
    /// Connections that all executions in the subnet hold at the peak.
    pub connections: u64,
    /// One per set of security groups, more as connections grow.
    pub at_peak: u64,
    /// The same while security groups or subnets are replaced: old beside new.
    pub hyperplane: u64,
    /// One per 3 GB of concurrent executions: the model of before September 2019, the worst case.
    pub per_execution: u64,
}

impl Interfaces {
    /// Counts by both models.
    pub fn count(sizing: &Sizing, zones: u64) -> Self {
        let functions = [
            (u64::from(sizing.splitter_concurrency.value), u64::from(sizing.splitter_memory_mib.value)),
            (u64::from(sizing.ingest_concurrency.value), u64::from(sizing.ingest_memory_mib.value)),
        ];
        let here = functions.map(|(executions, _)| each(executions, zones));
        let at_peak = here.into_iter().map(hyperplane).fold(0, u64::saturating_add);
        let per_execution = functions
            .map(|(executions, mib)| per_execution(executions.saturating_mul(mib)))
            .into_iter()
            .fold(0, u64::saturating_add);
        Self {
            connections: here.into_iter().map(connections).fold(0, u64::saturating_add),
            at_peak,
            hyperplane: at_peak.saturating_mul(REPLACEMENT_FACTOR),
            per_execution: each(per_execution, zones),
        }
    }

    /// The count of the model that sizes the subnets.
    pub fn by(self, model: EniModel) -> u64 {
        match model {
            EniModel::Hyperplane => self.hyperplane,
            EniModel::PerExecution => self.per_execution,
        }
    }

    /// Both models as rows of `tenantry explain network`, for one subnet when `zones` of them are left.
    pub(super) fn rows(self, spec: &TenantSpec, sizing: &Sizing, zones: u64) -> Vec<Derived<String>> {
        let input = |name: &str, value: u64| (name.to_owned(), value.to_string());
        let functions = [
            input("splitter_concurrency", sizing.splitter_concurrency.value.into()),
            input("ingest_concurrency", sizing.ingest_concurrency.value.into()),
        ];
        let memory = [
            input("splitter_memory_mib", sizing.splitter_memory_mib.value.into()),
            input("ingest_memory_mib", sizing.ingest_memory_mib.value.into()),
        ];
        let left = input("zones left", zones);
        let chosen = |model: EniModel| {
            let said = if spec.network.eni_model == model { "yes" } else { "no" };
            ("sizes the subnets".to_owned(), said.to_owned())
        };
        let row = |name, value: u64, unit, formula, inputs: Vec<(String, String)>, source| Derived {
            name,
            value: value.to_string(),
            unit,
            formula,
            inputs,
            source,
            depends_on: vec!["network.zones", "network.eni_model", "ingest.peak_gib_per_minute"],
            overridden: false,
        };
        let [splitter, ingest] = functions;
        let [splitter_mib, ingest_mib] = memory;
        vec![
            row(
                "lambda_connections",
                self.connections,
                "connections",
                "Σ over functions: ⌈concurrency / zones left⌉ × connections per execution",
                vec![
                    splitter.clone(),
                    ingest.clone(),
                    left.clone(),
                    input("connections per execution", CONNECTIONS_PER_EXECUTION),
                ],
                "both functions' clients: bulk requests, S3, queues, and as many that still close",
            ),
            row(
                "lambda_interfaces_hyperplane_at_peak",
                self.at_peak,
                "interfaces",
                "Σ over sets of security groups: ⌈connections / connections per interface⌉, at least 1",
                vec![input("sets", 2), input("connections per interface", CONNECTIONS_PER_INTERFACE)],
                HYPERPLANE,
            ),
            row(
                "lambda_interfaces_hyperplane",
                self.hyperplane,
                "interfaces",
                "interfaces at peak × 2: old beside new while security groups or subnets are replaced",
                vec![
                    input("interfaces at peak", self.at_peak),
                    input("replacement factor", REPLACEMENT_FACTOR),
                    chosen(EniModel::Hyperplane),
                ],
                HYPERPLANE,
            ),
            row(
                "lambda_interfaces_per_execution",
                self.per_execution,
                "interfaces",
                "⌈Σ over functions: ⌈concurrency × memory / 3 GiB⌉ / zones left⌉, the worst case, as before 2019",
                vec![
                    splitter,
                    splitter_mib,
                    ingest,
                    ingest_mib,
                    input("MiB per interface", MIB_PER_INTERFACE),
                    left,
                    chosen(EniModel::PerExecution),
                ],
                "AWS Compute Blog, \"Announcing improved VPC networking for AWS Lambda functions\", 2019-09-03",
            ),
        ]
    }
}

const HYPERPLANE: &str = "AWS Lambda Developer Guide, \"Understanding Hyperplane Elastic Network Interfaces (ENIs)\"";
