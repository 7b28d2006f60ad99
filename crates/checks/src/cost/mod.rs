//! What a stack costs in a month: line by line, each with its formula, its inputs and the source of its price.
//!
//! In: a rendered template, its region, the table of prices. Out: a [`Bill`]. Pure: it knows neither specs nor AWS. What
//! no property of a resource shows (how much arrives, how long functions work and wait) the template tells in its
//! metadata. What cannot be priced is unknown, with the reason, and never counts as free.

mod facts;
mod items;
mod lines;
mod prices;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Add, Mul, Sub};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use prices::{Price, PriceSource, Prices, load, parse, shipped};
use tenantry_base::finding::{Code, Finding};

/// A month, as AWS's own calculator has it.
const HOURS: f64 = 730.0;
const DAYS: f64 = HOURS / 24.0;
const MINUTES: f64 = HOURS * 60.0;
const SECONDS: f64 = HOURS * 3600.0;

/// What is not on any bill.
pub const NOT_COUNTED: &str = "taxes, support, discounts and free allowances; what people download; storage of the \
                               central logs; the control planes";

/// A monthly amount at three loads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// In a month without load.
    pub low: f64,
    /// In a month at the mean load.
    pub expected: f64,
    /// In a month at the peak load all the time.
    pub peak: f64,
}

impl Load {
    /// The same whatever arrives.
    pub const fn flat(amount: f64) -> Self {
        Self { low: amount, expected: amount, peak: amount }
    }
}

impl Add for Load {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { low: self.low + other.low, expected: self.expected + other.expected, peak: self.peak + other.peak }
    }
}

impl Sub for Load {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + other * -1.0
    }
}

impl Mul<f64> for Load {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self { low: self.low * factor, expected: self.expected * factor, peak: self.peak * factor }
    }
}

/// Why a line is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// While the resource exists, whatever the load.
    Standing,
    /// For processed data.
    Work,
    /// While functions wait for other services.
    Waiting,
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// Name of the AWS service on the bill.
    pub service: String,
    /// What is billed.
    pub what: String,
    /// Whether the line is a fixed cost, or depends on the load.
    pub kind: Kind,
    /// Key of the item in the price table.
    pub item: String,
    /// Unit of the quantity, such as `GB-month`.
    pub unit: String,
    /// Formula of the quantity; `inputs` has its values at the mean load.
    pub formula: &'static str,
    /// Names and values of the formula's inputs.
    pub inputs: Vec<(&'static str, String)>,
    /// Null if the template does not show it.
    pub quantity: Option<Load>,
    /// Null if the price table has no price for the item in the Region.
    pub price: Option<Price>,
    /// USD a month; null if the quantity or the price is unknown.
    pub usd: Option<Load>,
}

/// What one stack costs in a month.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Bill {
    /// Region whose prices apply.
    pub region: String,
    /// Date of the price table, `YYYY-MM-DD`.
    pub prices_of: String,
    /// Line items of the bill.
    pub lines: Vec<Line>,
    /// Resource types whose billing is unknown.
    pub unknown_types: BTreeSet<String>,
    /// Resource types that are billed with another resource, and how.
    pub elsewhere: BTreeMap<String, &'static str>,
}

/// A sum of lines, with the lines that have no price.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Total {
    /// USD a month; a lower bound if `missing` is not empty.
    pub usd: Load,
    /// Items without a price.
    pub missing: Vec<String>,
}

impl Total {
    /// Adds another total.
    pub fn add(&mut self, other: &Self) {
        self.usd = self.usd + other.usd;
        for missing in &other.missing {
            if !self.missing.contains(missing) {
                self.missing.push(missing.clone());
            }
        }
    }
}

/// The bill of one stack.
pub fn bill(template: &Value, region: &str, prices: &Prices) -> Bill {
    let facts = facts::Facts::of(template);
    let workload = workload::Workload::of(template);
    let lines = lines::lines(&facts, workload.as_ref(), region, prices);
    Bill {
        region: region.to_owned(),
        prices_of: prices.date.clone(),
        lines,
        unknown_types: facts.unknown_types,
        elsewhere: facts.elsewhere,
    }
}

/// What goes on costing money when only these resources of a template stay and nothing arrives any more.
pub fn bill_of_the_rest<'i>(
    template: &Value,
    stay: impl IntoIterator<Item = &'i str>,
    region: &str,
    prices: &Prices,
) -> Bill {
    let kept = stay.into_iter().map(|id| (id.to_owned(), template["Resources"][id].clone()));
    let resources: serde_json::Map<String, Value> = kept.collect();
    bill(&serde_json::json!({ "Resources": resources }), region, prices)
}

impl Bill {
    /// Over all lines.
    pub fn total(&self) -> Total {
        let mut total = self.sum(|_| true);
        total.missing.extend(self.unknown_types.iter().map(|kind| format!("resources of type {kind}")));
        total
    }

    /// Over the lines of one kind.
    pub fn total_of(&self, kind: Kind) -> Total {
        self.sum(|line| line.kind == kind)
    }

    fn sum(&self, counts: impl Fn(&Line) -> bool) -> Total {
        let mut total = Total::default();
        for line in self.lines.iter().filter(|line| counts(line)) {
            match line.usd {
                Some(usd) => total.usd = total.usd + usd,
                None => total.missing.push(format!("{}: {}", line.service, line.what)),
            }
        }
        total
    }

    /// Lines whose price no dated document confirmed.
    pub fn estimated(&self) -> usize {
        let rests = |line: &&Line| line.price.as_ref().is_some_and(|price| price.source.date.is_none());
        self.lines.iter().filter(rests).count()
    }

    /// What to tell about the bill: everything in it that is unknown.
    pub fn findings(&self) -> Vec<Finding> {
        let types = self.unknown_types.iter().map(|kind| {
            let path = crate::resources::PATH;
            let lacks = if crate::resources::table().get(kind).is_some() {
                format!("its row in {path} has no column `billing`")
            } else {
                format!("it has no row in {path}")
            };
            Finding::new(Code::TN2502, format!("what a resource of type `{kind}` costs is unknown: {lacks}"))
                .with_help("`billing: free`, or `billing: { elsewhere: … }`, or items of policies/prices.yaml")
        });
        let mut items: Vec<&str> =
            self.lines.iter().filter(|line| line.price.is_none()).map(|line| line.item.as_str()).collect();
        items.sort_unstable();
        items.dedup();
        let region = &self.region;
        let priceless = (!items.is_empty()).then(|| {
            let named: Vec<String> = items.iter().take(4).map(|item| format!("`{item}`")).collect();
            let more = if items.len() > 4 { format!(" and {} more", items.len() - 4) } else { String::new() };
            let row = format!("{{ name: …, service: …, unit: …, regions: {{ {region}: {{ usd: …, source: … }} }} }}");
            Finding::new(Code::TN2503, format!("the table has no price in {region} of {}{more}", named.join(", ")))
                .with_help(format!("add to `prices` of the estate's policies/prices.yaml: `{}: {row}`", items[0]))
        });
        let silent = self.lines.iter().any(|line| line.quantity.is_none()).then(|| {
            Finding::new(
                Code::TN2504,
                "the template does not tell what arrives, so nothing that depends on it is priced",
            )
        });
        types.chain(priceless).chain(silent).collect()
    }
}
