//! Amazon CloudWatch: what services publish of the use of their quotas (`AWS/Usage`), and of what resources hold.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types as sdk;

use super::{CallError, Family, Session};

/// A metric and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    pub statistic: String,
    pub period_seconds: i32,
}

/// Most metrics of one call. Source: Amazon CloudWatch API Reference, GetMetricData.
const AT_ONCE: usize = 500;
/// Length of a period of the metrics of usage.
pub const USAGE_PERIOD_SECONDS: i32 = 300;
/// How far back the newest value is looked for: three periods of the longest, and this at least. Daily metrics appear with
/// up to two days' delay.
const WINDOW_SECONDS: u64 = 3 * 60 * 60;
const PERIODS: u64 = 3;

/// The newest value of each metric; None for one that nothing was published of.
pub async fn latest(session: &Session, metrics: &[Metric], now: SystemTime) -> Result<Vec<Option<f64>>, CallError> {
    const OPERATION: &str = "GetMetricData";
    let subject = session.place.region.as_str();
    let mut found = vec![None; metrics.len()];
    let longest = metrics.iter().map(|metric| u64::try_from(metric.period_seconds).unwrap_or(0)).max().unwrap_or(0);
    let window = Duration::from_secs(WINDOW_SECONDS.max(PERIODS * longest));
    for (chunk, part) in metrics.chunks(AT_ONCE).enumerate() {
        let queries = part.iter().enumerate().map(|(index, metric)| query(chunk * AT_ONCE + index, metric)).collect();
        let request = session
            .cloudwatch
            .get_metric_data()
            .start_time((now - window).into())
            .end_time(now.into())
            .scan_by(sdk::ScanBy::TimestampDescending)
            .set_metric_data_queries(Some(queries));
        let pages = request.into_paginator().send();
        let mut pages = session.pages(Family::CloudWatch, OPERATION, subject, pages, |page| page.next_token());
        while let Some(page) = pages.next().await? {
            for result in page.metric_data_results.unwrap_or_default() {
                let index = result.id.as_deref().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let newest = result.values.unwrap_or_default().first().copied();
                if let Some(place) = index.and_then(|index| found.get_mut(index)) {
                    *place = place.or(newest);
                }
            }
        }
    }
    Ok(found)
}

fn query(index: usize, metric: &Metric) -> sdk::MetricDataQuery {
    let dimension = |(name, value): (&String, &String)| sdk::Dimension::builder().name(name).value(value).build();
    let dimensions = metric.dimensions.iter().map(dimension).collect();
    let named = sdk::Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions))
        .build();
    let stat = sdk::MetricStat::builder().metric(named).period(metric.period_seconds).stat(&metric.statistic).build();
    sdk::MetricDataQuery::builder().id(format!("m{index}")).metric_stat(stat).build()
}
