//! What services tell of an account as a whole: AWS Lambda's settings, IAM's summary, Amazon S3's buckets, Amazon
//! OpenSearch Service's domains, Amazon ElastiCache's nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::reads::{self, Question, at, items, text};
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
    let subject = session.place.account.as_str();
    let question = Question::get("lambda", "GetAccountSettings", subject, "/2016-08-19/account-settings".to_owned());
    let answer = reads::answer(session, &question).await?.body;
    let number = |field: &'static str| {
        let number = at(&answer, field).and_then(|number| number.as_u64());
        session.need(number, question.operation, subject, field)
    };
    Ok(LambdaSettings {
        concurrency: number("AccountLimit.ConcurrentExecutions")?,
        unreserved: number("AccountLimit.UnreservedConcurrentExecutions")?,
        code_bytes: number("AccountLimit.TotalCodeSize")?,
        code_bytes_used: number("AccountUsage.TotalCodeSize")?,
    })
}

/// IAM GetAccountSummary: numbers by name (`Roles`, `RolesQuota`).
pub async fn iam(session: &Session) -> Result<BTreeMap<String, u64>, CallError> {
    let subject = session.place.account.as_str();
    let question = Question::form("iam", "GetAccountSummary", subject, super::iam::VERSION, &[]);
    let entries = items(&reads::ask(session, &question).await?, "SummaryMap.entry");
    Ok(entries.iter().filter_map(|entry| Some((text(entry, "key")?, text(entry, "value")?.parse().ok()?))).collect())
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

/// ElastiCache DescribeCacheClusters: nodes of the region, those of replication groups among them.
pub async fn cache_nodes(session: &Session) -> Result<u64, CallError> {
    let subject = session.place.region.as_str();
    let question =
        Question::form("elasticache", "DescribeCacheClusters", subject, "2015-02-02", &[]).pages("Marker", "Marker");
    let clusters = items(&reads::ask(session, &question).await?, "CacheClusters.CacheCluster");
    let nodes = clusters.iter().map(|cluster| {
        let nodes = text(cluster, "NumCacheNodes").and_then(|nodes| nodes.parse::<u64>().ok());
        session.need(nodes, question.operation, subject, "NumCacheNodes")
    });
    nodes.sum()
}

/// OpenSearch ListDomainNames: the domains of the region.
pub async fn search_domains(session: &Session) -> Result<BTreeSet<String>, CallError> {
    let subject = session.place.region.as_str();
    let question = Question::get("es", "ListDomainNames", subject, "/2021-01-01/domain".to_owned());
    let domains = items(&reads::ask(session, &question).await?, "DomainNames");
    Ok(domains.iter().filter_map(|domain| text(domain, "DomainName")).collect())
}
