//! Amazon CloudWatch: what services publish of the use of their quotas (`AWS/Usage`), and of what resources hold.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::cloudwatch::TARGET;
use super::reads::{self, Question, items, text};
use super::{CallError, Session};

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
    let subject = session.place.region.as_str();
    let mut found = vec![None; metrics.len()];
    let longest = metrics.iter().map(|metric| u64::try_from(metric.period_seconds).unwrap_or(0)).max().unwrap_or(0);
    let window = Duration::from_secs(WINDOW_SECONDS.max(PERIODS * longest));
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    for (chunk, part) in metrics.chunks(AT_ONCE).enumerate() {
        let queries = part.iter().enumerate().map(|(index, metric)| query(chunk * AT_ONCE + index, metric));
        let body = json!({
            "StartTime": seconds(now - window),
            "EndTime": seconds(now),
            "ScanBy": "TimestampDescending",
            "MetricDataQueries": queries.collect::<Vec<_>>(),
        });
        let question =
            Question::json("monitoring", "GetMetricData", subject, TARGET, body).pages("NextToken", "NextToken");
        for result in items(&reads::ask(session, &question).await?, "MetricDataResults") {
            let index = text(&result, "Id").and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            let newest = result.pointer("/Values/0").and_then(Value::as_f64);
            if let Some(place) = index.and_then(|index| found.get_mut(index)) {
                *place = place.or(newest);
            }
        }
    }
    Ok(found)
}

fn query(index: usize, metric: &Metric) -> Value {
    let dimensions = metric.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
    let named = json!({
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": dimensions.collect::<Vec<_>>(),
    });
    let stat = json!({ "Metric": named, "Period": metric.period_seconds, "Stat": metric.statistic });
    json!({ "Id": format!("m{index}"), "MetricStat": stat })
}
