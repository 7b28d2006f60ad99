//! What a page says of costs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::cost::usd;
use crate::report::site::CostLine;
use tenantry_checks::cost::Load;

/// What one service costs.
#[derive(Serialize)]
pub(super) struct Service {
    name: String,
    low: String,
    expected: String,
    peak: String,
    share: String,
    percent: u64,
}

/// `1,234.00 USD a month expected, 400.00 idle, 2,000.00 at the peak; prices of 2026-11-01`.
pub(super) fn total(total: Load, missing: bool, prices_of: &str) -> String {
    let at_least = if missing { "At least " } else { "" };
    format!(
        "{at_least}{} USD a month at the mean rate, {} idle, {} at the peak all month; prices of {prices_of}.",
        usd(total.expected),
        usd(total.low),
        usd(total.peak)
    )
}

/// What each service costs, the dearest first.
pub(super) fn services<'l>(lines: impl Iterator<Item = &'l CostLine>, all: f64) -> Vec<Service> {
    let mut sums: BTreeMap<&str, (Load, bool)> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(&line.service).or_default();
        match line.usd {
            Some(usd) => sum.0 = sum.0 + usd,
            None => sum.1 = true,
        }
    }
    let mut sums: Vec<(&str, (Load, bool))> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.0.expected.total_cmp(&a.1.0.expected));
    let service = |(name, (sum, missing)): (&str, (Load, bool))| {
        let percent = if all > 0.0 { 100.0 * sum.expected / all } else { 0.0 };
        let at_least = if missing { "≥ " } else { "" };
        let share = match percent {
            percent if percent > 0.0 && percent < 0.5 => "<1 %".to_owned(),
            percent => format!("{percent:.0} %"),
        };
        Service {
            name: name.to_owned(),
            low: format!("{at_least}{}", usd(sum.low)),
            expected: format!("{at_least}{}", usd(sum.expected)),
            peak: format!("{at_least}{}", usd(sum.peak)),
            share,
            percent: percent.round() as u64,
        }
    };
    sums.into_iter().map(service).collect()
}
