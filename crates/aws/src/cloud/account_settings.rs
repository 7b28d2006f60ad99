//! What services tell of an account as a whole: AWS Lambda's settings, IAM's summary, Amazon S3's buckets, Amazon
//! OpenSearch Service's domains.

use std::collections::{BTreeMap, BTreeSet};

use super::{CallError, Family, Session};

/// Lambda's limits and use of an account in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LambdaSettings {
    /// Executions at once that the account may have.
    pub concurrency: u64,
    /// Of these, those that no function has reserved.
    pub unreserved: u64,
    /// Storage for code that the account may have and has, in bytes.
    pub code_bytes: u64,
    pub code_bytes_used: u64,
}

/// Lambda GetAccountSettings.
pub async fn lambda(session: &Session) -> Result<LambdaSettings, CallError> {
    const OPERATION: &str = "GetAccountSettings";
    let subject = session.place.account.as_str();
    session.turn(Family::Lambda).await;
    let answer = session.lambda.get_account_settings().send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
    let limit = session.need(answer.account_limit, OPERATION, subject, "AccountLimit")?;
    let usage = session.need(answer.account_usage, OPERATION, subject, "AccountUsage")?;
    let unreserved =
        session.need(limit.unreserved_concurrent_executions, OPERATION, subject, "AccountLimit.Unreserved")?;
    Ok(LambdaSettings {
        concurrency: whole(limit.concurrent_executions.into()),
        unreserved: whole(unreserved.into()),
        code_bytes: whole(limit.total_code_size),
        code_bytes_used: whole(usage.total_code_size),
    })
}

/// IAM GetAccountSummary: numbers by name (`Roles`, `RolesQuota`).
pub async fn iam(session: &Session) -> Result<BTreeMap<String, u64>, CallError> {
    const OPERATION: &str = "GetAccountSummary";
    session.turn(Family::Iam).await;
    let answer = session.iam.get_account_summary().send().await;
    let answer =
        answer.map_err(|error| CallError::of(&session.place, OPERATION, session.place.account.as_str(), error))?;
    let map = answer.summary_map.unwrap_or_default().into_iter();
    Ok(map.map(|(name, number)| (name.as_str().to_owned(), whole(number.into()))).collect())
}

/// S3 ListBuckets: the names of all in the account, over all regions.
pub async fn buckets(session: &Session) -> Result<BTreeSet<String>, CallError> {
    const OPERATION: &str = "ListBuckets";
    let subject = session.place.account.as_str();
    let pages = session.s3.list_buckets().max_buckets(1000).into_paginator().send();
    let mut pages = session.pages(Family::S3, OPERATION, subject, pages, |page| page.continuation_token());
    let mut found = BTreeSet::new();
    while let Some(page) = pages.next().await? {
        found.extend(page.buckets.unwrap_or_default().into_iter().filter_map(|bucket| bucket.name));
    }
    Ok(found)
}

/// OpenSearch ListDomainNames: the domains of the region.
pub async fn search_domains(session: &Session) -> Result<BTreeSet<String>, CallError> {
    const OPERATION: &str = "ListDomainNames";
    session.turn(Family::OpenSearch).await;
    let answer = session.opensearch.list_domain_names().send().await;
    let answer =
        answer.map_err(|error| CallError::of(&session.place, OPERATION, session.place.region.as_str(), error))?;
    Ok(answer.domain_names.unwrap_or_default().into_iter().filter_map(|domain| domain.domain_name).collect())
}

/// A number that cannot be negative.
fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
