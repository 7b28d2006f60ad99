//! AWS Service Quotas: limits, and requests to raise them.

use std::collections::BTreeMap;

use aws_sdk_servicequotas::types as sdk;

use super::usage_metrics::Metric;
use super::{CallError, Family, Session};

/// A limit of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedQuota {
    pub code: String,
    pub value: f64,
    /// The metric in which the service publishes its use.
    pub metric: Option<Metric>,
}

/// A quota increase request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct IncreaseRequest {
    /// ID of the request in Service Quotas.
    pub id: String,
    /// Service code in Service Quotas, such as `vpc`.
    pub service: String,
    /// Quota code, such as `L-F678F1CE`.
    pub code: String,
    /// Name of the quota in Service Quotas.
    pub name: String,
    /// Requested value of the quota.
    pub desired: u64,
    /// `PENDING`, `CASE_OPENED`, `APPROVED`, …
    pub status: String,
    /// Number of the AWS Support case; null if there is none.
    pub case: Option<String>,
    /// Seconds since 1970.
    pub created: i64,
}

impl IncreaseRequest {
    /// AWS has not decided yet.
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "PENDING" | "CASE_OPENED")
    }

    pub fn is_approved(&self) -> bool {
        self.status == "APPROVED"
    }
}

/// Every limit of a service that is applied to this account; a service that is not known here has none.
pub async fn applied(session: &Session, service: &str) -> Result<Vec<ListedQuota>, CallError> {
    const OPERATION: &str = "ListServiceQuotas";
    let pages = session.servicequotas.list_service_quotas().service_code(service).into_paginator().send();
    let pages = session.pages(Family::ServiceQuotas, OPERATION, service, pages, |page| page.next_token());
    let mut found = Vec::new();
    let reported =
        pages.each(|page| found.extend(page.quotas.unwrap_or_default().into_iter().filter_map(listed))).await;
    match reported {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(found),
    }
}

/// Every limit of a service as AWS gives it to everybody.
pub async fn defaults(session: &Session, service: &str) -> Result<Vec<ListedQuota>, CallError> {
    const OPERATION: &str = "ListAWSDefaultServiceQuotas";
    let pages = session.servicequotas.list_aws_default_service_quotas().service_code(service).into_paginator().send();
    let pages = session.pages(Family::ServiceQuotas, OPERATION, service, pages, |page| page.next_token());
    let mut found = Vec::new();
    let reported =
        pages.each(|page| found.extend(page.quotas.unwrap_or_default().into_iter().filter_map(listed))).await;
    match reported {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(found),
    }
}

/// A limit that the answer says nothing about is not one that could be weighed: it is left out, and so unknown.
fn listed(quota: sdk::ServiceQuota) -> Option<ListedQuota> {
    let metric = quota.usage_metric.and_then(|metric| {
        Some(Metric {
            namespace: metric.metric_namespace?,
            name: metric.metric_name?,
            dimensions: metric.metric_dimensions.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
            statistic: metric.metric_statistic_recommendation.unwrap_or_else(|| "Maximum".to_owned()),
            period_seconds: super::usage_metrics::USAGE_PERIOD_SECONDS,
        })
    });
    Some(ListedQuota { code: quota.quota_code?, value: quota.value?, metric })
}

/// Every request of this account to raise a limit, newest first.
pub async fn requests(session: &Session) -> Result<Vec<IncreaseRequest>, CallError> {
    const OPERATION: &str = "ListRequestedServiceQuotaChangeHistory";
    let subject = session.place.account.as_str();
    let pages = session.servicequotas.list_requested_service_quota_change_history().into_paginator().send();
    let mut pages = session.pages(Family::ServiceQuotas, OPERATION, subject, pages, |page| page.next_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        for request in page.requested_quotas.unwrap_or_default() {
            found.push(request_of(session, OPERATION, request)?);
        }
    }
    found.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
    Ok(found)
}

/// Asks for a higher limit.
pub async fn request_increase(
    session: &Session,
    service: &str,
    code: &str,
    desired: u64,
) -> Result<IncreaseRequest, CallError> {
    const OPERATION: &str = "RequestServiceQuotaIncrease";
    let subject = format!("{service} {code}");
    session.turn(Family::ServiceQuotas).await;
    let call = session.servicequotas.request_service_quota_increase().service_code(service).quota_code(code);
    let answer = call.desired_value(desired as f64).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error))?;
    let request = session.need(answer.requested_quota, OPERATION, &subject, "RequestedQuota")?;
    request_of(session, OPERATION, request)
}

fn request_of(
    session: &Session,
    operation: &'static str,
    request: sdk::RequestedServiceQuotaChange,
) -> Result<IncreaseRequest, CallError> {
    let subject = session.place.account.as_str();
    Ok(IncreaseRequest {
        id: session.need(request.id, operation, subject, "Id")?,
        service: session.need(request.service_code, operation, subject, "ServiceCode")?,
        code: session.need(request.quota_code, operation, subject, "QuotaCode")?,
        name: request.quota_name.unwrap_or_default(),
        desired: session.need(request.desired_value, operation, subject, "DesiredValue")? as u64,
        status: session.need(request.status, operation, subject, "Status")?.as_str().to_owned(),
        case: request.case_id,
        created: request.created.map_or(0, |created| created.secs()),
    })
}

/// The service or quota is not known in this region.
fn is_absent(error: &CallError) -> bool {
    matches!(error.code(), Some("NoSuchResourceException"))
}

/// A request for this quota is open already.
pub fn is_requested(error: &CallError) -> bool {
    matches!(error.code(), Some("ResourceAlreadyExistsException"))
}
