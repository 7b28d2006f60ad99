//! What a stack has to do, as its template tells in `Metadata.TenantryWorkload`: the rate at which data arrives, and how
//! often each function runs and for how long.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{DAYS, Load, MINUTES};

/// KiB in a GiB.
const KIB: f64 = 1024.0 * 1024.0;

/// The workload of one stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Workload {
    /// GiB that arrive in a month.
    pub(super) gib: Load,
    /// By logical id of the function.
    pub(super) functions: BTreeMap<String, Work>,
}

/// The work of one function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Work {
    /// Executions in a month.
    pub(super) executions: Load,
    /// Seconds of one execution: at work, and waiting for somebody else.
    pub(super) working: f64,
    pub(super) waiting: f64,
}

impl Workload {
    /// The workload that a template tells; None for a template that tells none, or only a part.
    pub(super) fn of(template: &Value) -> Option<Self> {
        let told = &template["Metadata"]["TenantryWorkload"];
        let month = |mean: &Value, peak: &Value, factor: f64| {
            Some(Load { low: 0.0, expected: mean.as_f64()? * factor, peak: peak.as_f64()? * factor })
        };
        let functions = told["Functions"].as_object()?.iter().map(|(id, work)| {
            let executions = month(&work["MeanPerDay"], &work["PeakPerDay"], DAYS)?;
            let seconds = |key: &str| work[key].as_f64().map(|milliseconds| milliseconds / 1000.0);
            let work =
                Work { executions, working: seconds("WorkingMilliseconds")?, waiting: seconds("WaitingMilliseconds")? };
            Some((id.clone(), work))
        });
        Some(Self {
            gib: month(&told["MeanKibPerMinute"], &told["PeakKibPerMinute"], MINUTES / KIB)?,
            functions: functions.collect::<Option<_>>()?,
        })
    }

    /// Executions of all functions.
    pub(super) fn executions(&self) -> Load {
        self.functions.values().fold(Load::default(), |sum, work| sum + work.executions)
    }

    /// Executions of one function.
    pub(super) fn of_function(&self, id: &str) -> Load {
        self.functions.get(id).map(|work| work.executions).unwrap_or_default()
    }

    /// Seconds that all functions run.
    pub(super) fn seconds(&self) -> Load {
        self.functions.values().fold(Load::default(), |sum, work| sum + work.executions * (work.working + work.waiting))
    }
}
