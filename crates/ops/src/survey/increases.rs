//! Asking AWS for higher limits, and following what became of it. Run again, it finds what was asked for before.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use tenantry_aws::cloud::servicequotas::{self, IncreaseRequest};
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, with_causes};
use tenantry_checks::capacity::{Assessment, QuotaUsage};

/// A needed quota increase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Wish {
    /// Account and Region.
    pub place: Place,
    /// Key of the quota in `policies/quotas.yaml`.
    pub quota: String,
    /// Name of the quota, as in Service Quotas.
    pub name: String,
    /// Service code in Service Quotas, such as `vpc`.
    pub service: String,
    /// Quota code, such as `L-F678F1CE`; null if Service Quotas does not have the quota.
    pub code: Option<String>,
    /// Value that would be enough.
    pub desired: u64,
    /// What became of the request.
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    /// The increase was requested now.
    Filed {
        /// The new request.
        request: IncreaseRequest,
    },
    /// A request is already open; AWS accepts one at a time.
    Open {
        /// The open request.
        request: IncreaseRequest,
    },
    /// The quota is not in Service Quotas: open a case with AWS Support.
    ByHand,
    Failed {
        /// Error of the request.
        why: String,
    },
}

/// The session in which an assessment's quotas are kept.
pub fn place(assessment: &Assessment, any: &BTreeMap<Place, Access>) -> Option<(Place, Access)> {
    let account = |place: &&Place| place.account == assessment.account;
    let access = any.iter().find(|(place, _)| account(place)).map(|(_, access)| access.clone())?;
    let region = match &assessment.region {
        Some(region) => region.clone(),
        None => any.keys().find(account)?.region.home(),
    };
    Some((Place { account: assessment.account.clone(), region }, access))
}

/// Asks for every limit that should be higher, unless it has been asked for.
pub async fn file(cloud: &Cloud, assessments: &[Assessment], places: &BTreeMap<Place, Access>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for assessment in assessments {
        let due: Vec<&QuotaUsage> = assessment.quotas.iter().filter(|verdict| verdict.request.is_some()).collect();
        let Some((place, access)) = place(assessment, places).filter(|_| !due.is_empty()) else { continue };
        let open = open(cloud, &place, &access).await;
        let mut asked: BTreeMap<&str, Outcome> = BTreeMap::new();
        for verdict in due {
            let desired = verdict.request.unwrap_or_default();
            // Zones share one limit.
            if asked.contains_key(verdict.quota.as_str()) {
                continue;
            }
            let outcome = wish(cloud, &place, &access, verdict, desired, &open).await;
            asked.insert(&verdict.quota, outcome.clone());
            wishes.push(Wish {
                place: place.clone(),
                quota: verdict.quota.clone(),
                name: verdict.name.clone(),
                service: verdict.service.clone(),
                code: verdict.code.clone(),
                desired,
                outcome,
            });
        }
    }
    wishes
}

async fn wish(
    cloud: &Cloud,
    place: &Place,
    access: &Access,
    verdict: &QuotaUsage,
    desired: u64,
    open: &Result<Vec<IncreaseRequest>, CallError>,
) -> Outcome {
    let Some(code) = &verdict.code else { return Outcome::ByHand };
    let open = match open {
        Ok(open) => open,
        // Without knowing what is open, asking might ask twice.
        Err(error) => return Outcome::Failed { why: with_causes(error) },
    };
    if let Some(request) = open.iter().find(|request| request.service == verdict.service && request.code == *code) {
        return Outcome::Open { request: request.clone() };
    }
    let session = match cloud.session(place, access).await {
        Ok(session) => session,
        Err(error) => return Outcome::Failed { why: with_causes(&error) },
    };
    match servicequotas::request_increase(&session, &verdict.service, code, desired).await {
        Ok(request) => Outcome::Filed { request },
        Err(error) => Outcome::Failed { why: with_causes(&error) },
    }
}

/// The requests of a place that AWS has not decided.
pub async fn open(cloud: &Cloud, place: &Place, access: &Access) -> Result<Vec<IncreaseRequest>, CallError> {
    Ok(all(cloud, place, access).await?.into_iter().filter(IncreaseRequest::is_open).collect())
}

/// Every request of a place, newest first.
pub async fn all(cloud: &Cloud, place: &Place, access: &Access) -> Result<Vec<IncreaseRequest>, CallError> {
    let session = cloud.session(place, access).await?;
    servicequotas::requests(&session).await
}
