//! What a stack has to do, as its template tells in `Metadata.TenantryWorkload`: the rate at which data arrives, and how
//! often each function runs and for how long, and units of billed items that no resource shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
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
    pub(super) items: Vec<DeclaredItem>,
}

/// Units of an item of the price table that the template tells of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeclaredItem {
    pub(super) what: String,
    pub(super) item: String,
    pub(super) per_month: Load,
}

/// The work of one function.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
        let declared = &template["Metadata"]["TenantryWorkload"];
        let month = |mean: &Value, peak: &Value, factor: f64| {
            Some(Load { low: 0.0, expected: number(mean)? * factor, peak: number(peak)? * factor })
        };
        let functions = declared["Functions"].as_object()?.iter().map(|(id, work)| {
            let executions = month(&work["MeanPerDay"], &work["PeakPerDay"], DAYS)?;
            let seconds = |key: &str| work[key].as_f64().map(|milliseconds| milliseconds / 1000.0);
            let work =
                Work { executions, working: seconds("WorkingMilliseconds")?, waiting: seconds("WaitingMilliseconds")? };
            Some((id.clone(), work))
        });
        let items = declared["Items"].as_array().into_iter().flatten().map(|item| {
            let text = |key: &str| item[key].as_str().map(str::to_owned);
            let per_month = month(&item["MeanPerDay"], &item["PeakPerDay"], DAYS)?;
            Some(DeclaredItem { what: text("What")?, item: text("Item")?, per_month })
        });
        Some(Self {
            items: items.collect::<Option<_>>()?,
            gib: month(&declared["MeanKibPerMinute"], &declared["PeakKibPerMinute"], MINUTES / KIB)?,
            functions: functions.collect::<Option<_>>()?,
        })
    }

    /// Executions of all functions.
    pub(super) fn executions(&self) -> Load {
        self.functions.values().fold(Load::default(), |sum, work| sum + work.executions)
    }

    /// Seconds that all functions run.
    pub(super) fn seconds(&self) -> Load {
        self.functions.values().fold(Load::default(), |sum, work| sum + work.executions * (work.working + work.waiting))
    }
}

/// A number, or a text that is one: templates print what is not whole as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number| number.is_finite())
}
