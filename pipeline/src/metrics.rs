//! One invocation's numbers, in CloudWatch's embedded metric format (Amazon CloudWatch User Guide, "Specification:
//! Embedded metric format"): a line of JSON that the log service turns into metrics.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a number counts. Names are those of the README's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    Bytes,
    Messages,
    Parts,
    SetAside,
    Records,
    Indexed,
    Repeated,
    Rejected,
    BulkRequests,
    BulkRetries,
    Lag,
    Waited,
    Failures,
    Extended,
    Parked,
    Remainders,
}

impl Metric {
    fn name_and_unit(self) -> (&'static str, &'static str) {
        match self {
            Self::Bytes => ("Bytes", "Bytes"),
            Self::Messages => ("Messages", "Count"),
            Self::Parts => ("Parts", "Count"),
            Self::SetAside => ("SetAside", "Count"),
            Self::Records => ("Records", "Count"),
            Self::Indexed => ("Indexed", "Count"),
            Self::Repeated => ("Repeated", "Count"),
            Self::Rejected => ("Rejected", "Count"),
            Self::BulkRequests => ("BulkRequests", "Count"),
            Self::BulkRetries => ("BulkRetries", "Count"),
            Self::Lag => ("Lag", "Seconds"),
            Self::Waited => ("Waited", "Milliseconds"),
            Self::Failures => ("Failures", "Count"),
            Self::Extended => ("Extended", "Count"),
            Self::Parked => ("Parked", "Count"),
            Self::Remainders => ("Remainders", "Count"),
        }
    }
}

/// Numbers of one invocation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(BTreeMap<Metric, f64>);

impl Metrics {
    /// Adds to a number.
    #[expect(clippy::cast_precision_loss, reason = "counts of one invocation stay far below 2^53")]
    pub fn add(&mut self, metric: Metric, value: u64) {
        *self.0.entry(metric).or_default() += value as f64;
    }

    /// Adds all of another invocation's numbers.
    pub fn merge(&mut self, other: &Self) {
        for (metric, value) in &other.0 {
            *self.0.entry(*metric).or_default() += value;
        }
    }

    /// A number, 0 if it was never added to.
    pub fn get(&self, metric: Metric) -> f64 {
        self.0.get(&metric).copied().unwrap_or_default()
    }

    /// The line for the log service. `at`: milliseconds since 1970.
    pub fn line(&self, namespace: &str, tenant: &str, function: &str, at: i64) -> String {
        let named = self.0.keys().map(|metric| {
            let (name, unit) = metric.name_and_unit();
            json!({ "Name": name, "Unit": unit })
        });
        let directive = json!({ "Namespace": namespace, "Dimensions": [["Tenant", "Function"]], "Metrics": named.collect::<Vec<_>>() });
        let mut line = json!({
            "_aws": { "Timestamp": at, "CloudWatchMetrics": [directive] },
            "Tenant": tenant, "Function": function,
        });
        if let Value::Object(fields) = &mut line {
            fields.extend(self.0.iter().map(|(metric, value)| (metric.name_and_unit().0.to_owned(), json!(value))));
        }
        line.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_declared_has_a_value_beside_it() {
        let mut metrics = Metrics::default();
        metrics.add(Metric::Bytes, 7);
        metrics.add(Metric::Bytes, 3);
        metrics.add(Metric::Lag, 2);
        let line: Value = serde_json::from_str(&metrics.line("Tenantry", "acme", "ingest", 1_700_000_000_000)).unwrap();
        assert_eq!(
            (&line["Bytes"], &line["Tenant"], &line["Function"]),
            (&json!(10.0), &json!("acme"), &json!("ingest"))
        );
        let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(declared.len(), 2);
        for metric in declared {
            assert!(line[metric["Name"].as_str().unwrap()].is_number());
        }
    }
}
