//! How many addresses functions take: the two models of Lambda's network interfaces, side by side.

use serde::Serialize;

use crate::estate::spec::EniModel;
use crate::sizing::Sizing;

/// Connections that one shared interface carries; Lambda adds another where a function needs more.
/// Source: AWS Lambda Developer Guide, "Understanding Hyperplane Elastic Network Interfaces (ENIs)".
const CONNECTIONS_PER_INTERFACE: u64 = 65_000;
/// Connections that one execution holds: bulk requests under way, S3, queues, and as many that still close.
const CONNECTIONS_PER_EXECUTION: u64 = 32;
/// Distinct sets of security groups in a tenant's stack: one for each of the two functions.
const SECURITY_GROUP_SETS: u64 = 2;
/// While security groups or subnets are replaced, the old interfaces linger beside the new ones.
const REPLACEMENT_FACTOR: u64 = 2;
/// Memory that shared one interface before September 2019, in MiB.
/// Source: AWS Compute Blog, "Announcing improved VPC networking for AWS Lambda functions", 2019-09-03.
const MIB_PER_INTERFACE: u64 = 3 * 1024;

/// Interfaces that a tenant's functions need in one Lambda subnet when `zones` subnets share the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Interfaces {
    /// One per set of security groups, more as connections grow, doubled during a replacement.
    pub hyperplane: u64,
    /// One per 3 GB of concurrent executions: the model of before September 2019, the worst case.
    pub per_execution: u64,
}

impl Interfaces {
    /// Counts by both models.
    pub fn count(sizing: &Sizing, zones: u64) -> Self {
        let functions = [
            (sizing.splitter_concurrency.value, sizing.splitter_memory_mib.value),
            (sizing.ingest_concurrency.value, sizing.ingest_memory_mib.value),
        ];
        let zones = zones.max(1);
        let executions: u64 = functions.iter().map(|(concurrency, _)| u64::from(*concurrency)).sum();
        let connections = executions.saturating_mul(CONNECTIONS_PER_EXECUTION).div_ceil(zones);
        let grown = connections.div_ceil(CONNECTIONS_PER_INTERFACE).max(SECURITY_GROUP_SETS);
        let per_execution: u64 = functions
            .iter()
            .map(|(concurrency, memory)| (u64::from(*concurrency) * u64::from(*memory)).div_ceil(MIB_PER_INTERFACE))
            .sum();
        Self { hyperplane: grown * REPLACEMENT_FACTOR, per_execution: per_execution.div_ceil(zones) }
    }

    /// The count of the model that sizes the subnets.
    pub fn by(self, model: EniModel) -> u64 {
        match model {
            EniModel::Hyperplane => self.hyperplane,
            EniModel::PerExecution => self.per_execution,
        }
    }
}
