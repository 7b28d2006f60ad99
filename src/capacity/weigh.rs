//! Demand against limits: what would be used after a plan, of how much, and which quota stops the fleet next.

use std::collections::BTreeMap;

use serde::Serialize;

use super::demand::{Demand, Place};
use super::quotas::{Quota, Scope};
use crate::finding::{Code, Finding};

/// From this share of a limit on a verdict is amber, in percent.
const AMBER_PERCENT: u64 = 80;

/// How a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Green,
    Amber,
    /// The demand fits, but what is used beside it is not known.
    Unknown,
    Red,
}

/// Where a limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitSource {
    /// The value that holds in the account.
    Applied,
    /// The table, with a dated source.
    Table,
    /// The table, where no document confirmed the number.
    TableUnconfirmed,
}

/// What is known of one account and region; empty when nothing was asked.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Limits that hold in the account, by id of the quota.
    pub limits: BTreeMap<String, u64>,
    /// Use by everything but the stacks of the demand, by id of the quota and place.
    pub usage: BTreeMap<String, BTreeMap<Place, u64>>,
}

/// One quota after the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub quota: String,
    pub service: String,
    pub code: Option<String>,
    pub name: String,
    pub place: Place,
    /// Used beside the demand; None where nobody could say.
    pub used: Option<u64>,
    /// Used with the demand: a lower bound where `used` is not known.
    pub after: u64,
    /// What may be used: the limit less what must stay free.
    pub limit: u64,
    pub percent: u64,
    pub adjustable: bool,
    pub limit_source: LimitSource,
    pub level: Level,
    /// The limit to ask for, where one can ask.
    pub request: Option<u64>,
}

/// Weighs the demand of all stacks of one account and region. Worst first, then fullest first.
pub fn weigh(quotas: &[Quota], demand: &Demand, snapshot: &Snapshot) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = quotas
        .iter()
        .filter(|quota| quota.scope != Scope::Resource)
        .flat_map(|quota| {
            let places = demand.amounts.get(quota.id.as_str());
            places.into_iter().flatten().map(|(place, amount)| verdict(quota, place, *amount, snapshot))
        })
        .collect();
    verdicts.sort_by(|a, b| {
        (b.level, b.percent).cmp(&(a.level, a.percent)).then_with(|| (&a.quota, &a.place).cmp(&(&b.quota, &b.place)))
    });
    verdicts
}

fn verdict(quota: &Quota, place: &Place, amount: u64, snapshot: &Snapshot) -> Verdict {
    let used = match place {
        Place::Stack => Some(0),
        _ => snapshot.usage.get(&quota.id).and_then(|places| places.get(place)).copied(),
    };
    let (whole, limit_source) = match (snapshot.limits.get(&quota.id), &quota.date) {
        (Some(limit), _) => (*limit, LimitSource::Applied),
        (None, Some(_)) => (quota.default, LimitSource::Table),
        (None, None) => (quota.default, LimitSource::TableUnconfirmed),
    };
    let limit = whole.saturating_sub(quota.keep);
    let after = used.unwrap_or(0).saturating_add(amount);
    let percent = after.saturating_mul(100).checked_div(limit).unwrap_or(if after == 0 { 0 } else { u64::MAX });
    let level = match used {
        _ if after > limit => Level::Red,
        None => Level::Unknown,
        Some(_) if percent >= AMBER_PERCENT => Level::Amber,
        Some(_) => Level::Green,
    };
    let request = (after > limit && quota.adjustable).then(|| after.saturating_add(quota.keep));
    Verdict {
        quota: quota.id.clone(),
        service: quota.service.clone(),
        code: quota.code.clone(),
        name: quota.name.clone(),
        place: place.clone(),
        used,
        after,
        limit,
        percent,
        adjustable: quota.adjustable,
        limit_source,
        level,
        request,
    }
}

/// The quota that stops the fleet next: the fullest one.
pub fn next_wall(verdicts: &[Verdict]) -> Option<&Verdict> {
    verdicts.iter().max_by_key(|verdict| verdict.percent)
}

impl Verdict {
    /// What to tell about the quota; None where it is green. `ground` names the account and region.
    pub fn finding(&self, ground: &str) -> Option<Finding> {
        let code = match self.level {
            Level::Green => return None,
            Level::Amber => "TN2103",
            Level::Unknown => "TN2104",
            Level::Red if self.adjustable => "TN2101",
            Level::Red => "TN2102",
        };
        let place = match &self.place {
            Place::Zone(zone) => format!(", zone {zone}"),
            Place::Account | Place::Region | Place::Stack => String::new(),
        };
        let message = format!("`{}` in {ground}{place}: {} of {} used", self.name, self.after, self.limit);
        let finding = Finding::new(Code(code), message);
        Some(match (self.request, &self.code) {
            (Some(request), Some(code)) => finding.with_help(format!("request {request} for {} {code}", self.service)),
            (Some(request), None) => finding.with_help(format!("request {request} from AWS Support")),
            (None, _) => finding,
        })
    }
}
