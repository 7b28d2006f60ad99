//! Demand against limits: what would be used after a plan, of how much, and which quota stops the fleet next.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::demand::{Demand, Within};
use super::quotas::Quota;
use super::snapshot::{Limit, Measured, Snapshot};
use tenantry_base::finding::{Code, Finding, Severity};

/// From this share of a limit on a verdict is a warning, in percent.
pub(super) const WARNING_PERCENT: u64 = 80;

/// Result of an assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Near a limit.
    Warning,
    /// The demand fits, but other usage is unknown.
    Unknown,
    /// Past a limit.
    Error,
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Unknown => Self::Unknown,
            Severity::Warning => Self::Warning,
            Severity::Info => Self::Ok,
        }
    }
}

/// Source of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitSource {
    /// The quota's applied value in the account.
    Applied,
    /// AWS's default value, as Service Quotas returns it.
    AwsDefault,
    /// The default value in the tool's table, because AWS did not return one.
    Table {
        /// Date of the table, `YYYY-MM-DD`.
        date: String,
        /// Why AWS did not return the limit.
        why: String,
    },
}

/// One quota after the plan.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct QuotaUsage {
    /// Key of the quota in `policies/quotas.yaml`.
    pub quota: String,
    /// Service code in Service Quotas, such as `vpc`.
    pub service: String,
    /// Quota code, such as `L-F678F1CE`; null if Service Quotas does not have the quota.
    pub code: Option<String>,
    /// Name of the quota, as in Service Quotas.
    pub name: String,
    /// What the quota applies to.
    pub within: Within,
    /// Current usage.
    pub used: Measured<u64>,
    /// Usage after the plan and all deployments in progress; a lower bound if `used` is unknown.
    pub after: u64,
    /// Limit minus what must stay free.
    pub limit: u64,
    /// `after` in percent of `limit`.
    pub percent: u64,
    /// Whether AWS grants increases.
    pub adjustable: bool,
    /// Where `limit` comes from.
    pub limit_source: LimitSource,
    /// `error` if `after` exceeds `limit`, `warning` from 80 percent on.
    pub level: Level,
    /// Value to request; null if no increase is needed or possible.
    pub request: Option<u64>,
    /// The resource with the highest count, for a limit of single resources; else null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
}

/// A resource of a tenant's stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holder {
    /// Name of the tenant whose stack has the resource.
    pub tenant: String,
    /// Logical id.
    pub resource: String,
}

/// What is asked of a place.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Everything that its stacks hold in the end.
    pub whole: Demand,
    /// What is yet to be made, on top of what is used now.
    pub adds: Demand,
    /// Why it is not known which of the stacks stand already.
    pub unread: Option<String>,
}

impl Asked {
    /// A demand of stacks of which none stands yet.
    pub fn new(demand: Demand) -> Self {
        Self { adds: demand.clone(), whole: demand, unread: None }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.whole.add(&other.whole);
        self.adds.add(&other.adds);
        self.unread = self.unread.take().or_else(|| other.unread.clone());
    }

    /// What adds up over an account, and the rest.
    pub(super) fn split(&self) -> (Self, Self) {
        let ((account, region), (account_adds, region_adds)) = (self.whole.split(), self.adds.split());
        let of = |whole, adds| Self { whole, adds, unread: self.unread.clone() };
        (of(account, account_adds), of(region, region_adds))
    }
}

/// Weighs what is asked of one account and region. Worst first, then fullest first.
///
/// Where the use is known, what is yet to be made comes on top of it; where it is not, what the stacks hold in the end is
/// a lower bound, and the verdict cannot be green.
pub fn weigh(quotas: &[Quota], asked: &Asked, snapshot: &Snapshot) -> Vec<QuotaUsage> {
    let mut verdicts: Vec<QuotaUsage> = quotas
        .iter()
        .filter(|quota| !quota.is_single())
        .flat_map(|quota| {
            let of = |demand: &'_ Demand| demand.amounts.get(quota.id.as_str()).cloned().unwrap_or_default();
            let (whole, adds) = (of(&asked.whole), of(&asked.adds));
            let places: BTreeSet<Within> = whole.keys().chain(adds.keys()).cloned().collect();
            places
                .into_iter()
                .map(|within| {
                    let amount = |demand: &BTreeMap<Within, u64>| demand.get(&within).copied().unwrap_or(0);
                    let used = match &asked.unread {
                        Some(why) if within != Within::Stack => Measured::Unknown(why.clone()),
                        _ => used(quota, &within, snapshot),
                    };
                    let after = match &used {
                        Measured::Known(used) => used.saturating_add(amount(&adds)),
                        Measured::Unknown(_) => amount(&whole),
                    };
                    verdict(quota, within, used, after, snapshot)
                })
                .collect::<Vec<_>>()
        })
        .collect();
    sort(&mut verdicts);
    verdicts
}

/// Weighs what the largest resource of a place's stacks holds of each quota of single resources that an account may have
/// raised: it holds nothing beside, so that what is used now does not count.
pub(super) fn weigh_singles(quotas: &[Quota], largest: &Singled<'_>, snapshot: &Snapshot) -> Vec<QuotaUsage> {
    let single = |quota: &Quota| {
        let (amount, holder) = largest.get(quota.id.as_str())?;
        let weighed = verdict(quota, Within::Stack, Measured::Known(0), *amount, snapshot);
        Some(QuotaUsage { holder: Some(holder.clone()), ..weighed })
    };
    quotas.iter().filter(|quota| quota.is_single() && quota.adjustable).filter_map(single).collect()
}

/// By id of the quota: the most that one resource holds, and which.
pub(super) type Singled<'a> = BTreeMap<&'a str, (u64, Holder)>;

/// The worst first, then the fullest.
pub(super) fn sort(verdicts: &mut [QuotaUsage]) {
    verdicts.sort_by(|a, b| {
        (b.level, b.percent).cmp(&(a.level, a.percent)).then_with(|| (&a.quota, &a.within).cmp(&(&b.quota, &b.within)))
    });
}

/// The share of a limit in percent; of a limit of nothing, everything is too much.
pub(super) fn percent_of(amount: u64, limit: u64) -> u64 {
    amount.saturating_mul(100).checked_div(limit).unwrap_or(if amount == 0 { 0 } else { u64::MAX })
}

fn verdict(quota: &Quota, within: Within, used: Measured<u64>, after: u64, snapshot: &Snapshot) -> QuotaUsage {
    let (whole, limit_source) = limit(quota, snapshot);
    let limit = whole.saturating_sub(quota.keep);
    let percent = percent_of(after, limit);
    // What is over its limit already, and no more so by the plan, stops no plan.
    let adds = used.known().is_none_or(|used| after > *used);
    let level = match used {
        _ if after > limit && adds => Level::Error,
        Measured::Unknown(_) => Level::Unknown,
        Measured::Known(_) if percent >= WARNING_PERCENT => Level::Warning,
        Measured::Known(_) => Level::Ok,
    };
    QuotaUsage {
        quota: quota.id.clone(),
        service: quota.service.clone(),
        code: quota.code.clone(),
        name: quota.name.clone(),
        within,
        used,
        after,
        limit,
        percent,
        adjustable: quota.adjustable,
        limit_source,
        level,
        request: (quota.adjustable && percent >= WARNING_PERCENT)
            .then(|| comfortable(after).saturating_add(quota.keep)),
        holder: None,
    }
}

/// What is used within a place. A stack holds nothing beside itself; a zone that was looked at and not seen holds none.
fn used(quota: &Quota, within: &Within, snapshot: &Snapshot) -> Measured<u64> {
    match (within, snapshot.usage.get(&quota.id)) {
        (Within::Stack, _) => Measured::Known(0),
        (_, Some(Measured::Known(places))) => Measured::Known(places.get(within).copied().unwrap_or(0)),
        (_, Some(Measured::Unknown(why))) => Measured::Unknown(why.clone()),
        (_, None) => Measured::default(),
    }
}

/// The limit and where it comes from: the account's own, else AWS's default, else the table's.
pub(super) fn limit(quota: &Quota, snapshot: &Snapshot) -> (u64, LimitSource) {
    match snapshot.limits.get(&quota.id) {
        Some(Measured::Known(Limit { value, applied: true })) => (*value, LimitSource::Applied),
        Some(Measured::Known(Limit { value, applied: false })) => (*value, LimitSource::AwsDefault),
        other => {
            let unasked = Measured::<Limit>::default();
            let why = other.unwrap_or(&unasked).why().unwrap_or_default().to_owned();
            (quota.default, LimitSource::Table { date: quota.date.clone(), why })
        }
    }
}

/// What one stack alone needs beyond the limits of the tables, whatever else its account holds.
pub fn alone(quotas: &[Quota], demand: &Demand) -> Vec<Finding> {
    let verdicts = weigh(quotas, &Asked::new(demand.clone()), &Snapshot::default());
    let beyond = verdicts.into_iter().filter(|verdict| verdict.level == Level::Error);
    beyond
        .map(|verdict| {
            let code = if verdict.adjustable { Code::TN2106 } else { Code::TN2102 };
            let (name, after, limit) = (&verdict.name, verdict.after, verdict.limit);
            let finding =
                Finding::new(code, format!("the stack needs {after} of `{name}`, and the default is {limit}"));
            match verdict.request {
                Some(request) => finding.with_help(format!("`tenantry quotas --all --request` asks for {request}")),
                None => finding,
            }
        })
        .collect()
}

/// The smallest limit at which `after` would be green.
fn comfortable(after: u64) -> u64 {
    after.saturating_mul(100).checked_div(WARNING_PERCENT).unwrap_or(after).saturating_add(1)
}

/// The quota that stops the fleet next: the fullest one.
pub fn limiting_quota(verdicts: &[QuotaUsage]) -> Option<&QuotaUsage> {
    verdicts.iter().max_by_key(|verdict| verdict.percent)
}

impl QuotaUsage {
    /// What to tell about the quota; None where it is ok. `ground` names the account and region.
    pub fn finding(&self, ground: &str) -> Option<Finding> {
        let code = match self.level {
            Level::Ok => return None,
            Level::Warning => Code::TN2103,
            Level::Unknown => Code::TN2104,
            Level::Error if self.adjustable => Code::TN2101,
            Level::Error => Code::TN2102,
        };
        let place = match &self.within {
            Within::Zone(zone) => format!(", zone {zone}"),
            Within::Stack => match &self.holder {
                Some(holder) => format!(", `{}` of `{}`", holder.resource, holder.tenant),
                None => ", one stack".to_owned(),
            },
            Within::Account | Within::Region => String::new(),
        };
        let why = self.used.why().map(|why| format!("; what else is used is unknown: {why}")).unwrap_or_default();
        let message =
            format!("`{}` in {ground}{place}: {} of {} used after this{why}", self.name, self.after, self.limit);
        let finding = Finding::new(code, message);
        let finding = match &self.holder {
            Some(holder) => finding.with_tenant(&holder.tenant).with_resource(&holder.resource),
            None => finding,
        };
        Some(match (self.request, &self.code) {
            (Some(request), Some(code)) => finding
                .with_help(format!("`tenantry quotas --all --request` asks for {request} ({} {code})", self.service)),
            (Some(request), None) => finding.with_help(format!("ask AWS Support for {request}")),
            (None, _) => finding,
        })
    }
}
