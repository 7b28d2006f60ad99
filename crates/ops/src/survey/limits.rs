//! The limits that hold in an account: applied to it, else AWS's defaults.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::{AT_ONCE, Global};
use tenantry_aws::cloud::usage_metrics::Metric;
use tenantry_aws::cloud::{Session, servicequotas, with_causes};
use tenantry_checks::capacity::{Limit, Measured, Quota, Scope};

/// Limits by id of the quota, and the metrics in which their use is published.
pub(super) struct Limits {
    pub(super) limits: BTreeMap<String, Measured<Limit>>,
    pub(super) metrics: BTreeMap<String, Metric>,
}

/// A few paginated calls for each service.
pub(super) async fn look(session: &Session, global: &Global, quotas: &[&Quota]) -> Limits {
    let mut found = Limits { limits: BTreeMap::new(), metrics: BTreeMap::new() };
    let services: BTreeSet<(&str, bool)> = quotas
        .iter()
        .filter(|quota| quota.code.is_some())
        .map(|quota| (quota.service.as_str(), is_global(quota)))
        .collect();
    let looks = services.into_iter().map(|(service, in_global)| {
        let rows =
            quotas.iter().copied().filter(move |quota| quota.service == service && is_global(quota) == in_global);
        async move {
            match if in_global { global.as_deref() } else { Ok(session) } {
                Ok(session) => look_at(session, service, rows.collect()).await,
                Err(why) => {
                    let unknown = |quota: &Quota| (quota.id.clone(), Measured::Unknown(why.clone()));
                    Limits { limits: rows.map(unknown).collect(), metrics: BTreeMap::new() }
                }
            }
        }
    });
    let answers: Vec<Limits> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    for answer in answers {
        found.limits.extend(answer.limits);
        found.metrics.extend(answer.metrics);
    }
    for quota in quotas.iter().filter(|quota| quota.code.is_none()) {
        let why = quota.reason.clone().unwrap_or_else(|| "it has no code in Service Quotas".to_owned());
        found.limits.insert(quota.id.clone(), Measured::Unknown(why));
    }
    found
}

/// Whether a quota is kept in the partition's home Region: IAM's are, those of a single role, too.
fn is_global(quota: &Quota) -> bool {
    quota.scope == Scope::Account || (quota.is_single() && quota.service == "iam")
}

async fn look_at(session: &Session, service: &str, rows: Vec<&Quota>) -> Limits {
    let mut found = Limits { limits: BTreeMap::new(), metrics: BTreeMap::new() };
    let applied = servicequotas::applied(session, service).await;
    let missing = |listed: &[servicequotas::ListedQuota]| {
        rows.iter().any(|row| listed.iter().all(|quota| Some(&quota.code) != row.code.as_ref()))
    };
    let defaults = match &applied {
        Ok(listed) if !missing(listed) => Ok(Vec::new()),
        _ => servicequotas::defaults(session, service).await,
    };
    for row in rows {
        let of = |listed: &'_ [servicequotas::ListedQuota]| {
            listed.iter().find(|quota| Some(&quota.code) == row.code.as_ref()).cloned()
        };
        let known = match (&applied, &defaults) {
            (Ok(applied), _) if of(applied).is_some() => of(applied).map(|quota| (quota, true)),
            (_, Ok(defaults)) => of(defaults).map(|quota| (quota, false)),
            _ => None,
        };
        let limit = match (known, &applied, &defaults) {
            (Some((quota, applied)), ..) => {
                found.metrics.extend(quota.metric.map(|metric| (row.id.clone(), metric)));
                Measured::Known(Limit { value: quota.value.max(0.0) as u64, applied })
            }
            (None, Err(error), _) | (None, _, Err(error)) => Measured::Unknown(with_causes(error)),
            (None, Ok(_), Ok(_)) => Measured::Unknown(format!("Service Quotas lists no such quota of {service} here")),
        };
        found.limits.insert(row.id.clone(), limit);
    }
    found
}
