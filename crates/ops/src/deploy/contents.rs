//! What stateful resources hold, as far as one table and a few calls tell: said before they are deleted.

use std::collections::BTreeMap;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;

use tenantry_aws::cloud::cloudformation::Resource;
use tenantry_aws::cloud::usage_metrics::{self, Metric};
use tenantry_aws::cloud::{Session, sqs, with_causes};

/// Contents of a stateful resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Contents {
    Empty,
    /// Nothing but what the template defines.
    Definition,
    Holds {
        /// What is in it and how much, such as `about 12 messages`.
        what: String,
    },
    Unknown {
        /// Why the contents could not be read.
        why: String,
    },
}

/// What tells the contents of a resource type.
enum Counting {
    Definition,
    /// SQS itself, to the message: the only one that proves a resource empty.
    Messages,
    /// CloudWatch: what was published last, up to three days old. It never proves a resource empty.
    Metrics(&'static [Counted]),
    Uncounted(&'static str),
}

/// A metric of what a resource holds.
struct Counted {
    namespace: &'static str,
    metric: &'static str,
    dimensions: &'static [(&'static str, Of)],
    unit: Unit,
    period_seconds: i32,
}

/// The value of a dimension.
enum Of {
    PhysicalId,
    Account,
    Text(&'static str),
}

enum Unit {
    Count(&'static str),
    Bytes(&'static str),
    Mebibytes(&'static str),
    Percent(&'static str),
}

const DAY: i32 = 24 * 60 * 60;
const FIVE_MINUTES: i32 = 5 * 60;

const fn volume(namespace: &'static str) -> Counted {
    Counted {
        namespace,
        metric: "VolumeBytesUsed",
        dimensions: &[("DBClusterIdentifier", Of::PhysicalId)],
        unit: Unit::Bytes("stored"),
        period_seconds: FIVE_MINUTES,
    }
}

/// Metrics: Amazon S3 User Guide, "Metrics and dimensions" (daily); OpenSearch Service Developer Guide, "Monitoring
/// OpenSearch cluster metrics with Amazon CloudWatch"; EFS User Guide, "Monitoring with Amazon CloudWatch"; Aurora,
/// DocumentDB and Neptune User Guides, `VolumeBytesUsed`; ElastiCache User Guide, "Metrics for Valkey and Redis OSS";
/// Redshift Management Guide, "Performance data in Amazon Redshift". DynamoDB publishes none of what a table holds.
const TABLE: [(&str, Counting); 12] = [
    (
        "AWS::DynamoDB::Table",
        Counting::Uncounted("CloudWatch has no metric of a table's items and bytes; `DescribeTable` has both"),
    ),
    ("AWS::DocDB::DBCluster", Counting::Metrics(&[volume("AWS/DocDB")])),
    (
        "AWS::EFS::FileSystem",
        Counting::Metrics(&[Counted {
            namespace: "AWS/EFS",
            metric: "StorageBytes",
            dimensions: &[("FileSystemId", Of::PhysicalId), ("StorageClass", Of::Text("Total"))],
            unit: Unit::Bytes("stored"),
            period_seconds: FIVE_MINUTES,
        }]),
    ),
    (
        "AWS::ElastiCache::CacheCluster",
        Counting::Metrics(&[Counted {
            namespace: "AWS/ElastiCache",
            metric: "CurrItems",
            dimensions: &[("CacheClusterId", Of::PhysicalId)],
            unit: Unit::Count("items"),
            period_seconds: FIVE_MINUTES,
        }]),
    ),
    ("AWS::KMS::Key", Counting::Uncounted("whatever it encrypts cannot be decrypted without it")),
    ("AWS::Neptune::DBCluster", Counting::Metrics(&[volume("AWS/Neptune")])),
    (
        "AWS::OpenSearchService::Domain",
        Counting::Metrics(&[
            Counted {
                namespace: "AWS/ES",
                metric: "SearchableDocuments",
                dimensions: &[("DomainName", Of::PhysicalId), ("ClientId", Of::Account)],
                unit: Unit::Count("documents"),
                period_seconds: FIVE_MINUTES,
            },
            Counted {
                namespace: "AWS/ES",
                metric: "ClusterUsedSpace",
                dimensions: &[("DomainName", Of::PhysicalId), ("ClientId", Of::Account)],
                unit: Unit::Mebibytes("used"),
                period_seconds: FIVE_MINUTES,
            },
        ]),
    ),
    ("AWS::RDS::DBCluster", Counting::Metrics(&[volume("AWS/RDS")])),
    (
        "AWS::Redshift::Cluster",
        Counting::Metrics(&[Counted {
            namespace: "AWS/Redshift",
            metric: "PercentageDiskSpaceUsed",
            dimensions: &[("ClusterIdentifier", Of::PhysicalId)],
            unit: Unit::Percent("of its storage used"),
            period_seconds: FIVE_MINUTES,
        }]),
    ),
    // Its certificates are the customer's, and in the template.
    ("AWS::RolesAnywhere::TrustAnchor", Counting::Definition),
    (
        "AWS::S3::Bucket",
        Counting::Metrics(&[
            Counted {
                namespace: "AWS/S3",
                metric: "NumberOfObjects",
                dimensions: &[("BucketName", Of::PhysicalId), ("StorageType", Of::Text("AllStorageTypes"))],
                unit: Unit::Count("objects"),
                period_seconds: DAY,
            },
            Counted {
                namespace: "AWS/S3",
                metric: "BucketSizeBytes",
                dimensions: &[("BucketName", Of::PhysicalId), ("StorageType", Of::Text("StandardStorage"))],
                unit: Unit::Bytes("in S3 Standard"),
                period_seconds: DAY,
            },
        ]),
    ),
    ("AWS::SQS::Queue", Counting::Messages),
];

impl Counting {
    fn of(resource_type: &str) -> &'static Self {
        const OTHERS: &Counting = &Counting::Uncounted("what it holds is not counted");
        TABLE.iter().find(|(known, _)| *known == resource_type).map_or(OTHERS, |(_, counting)| counting)
    }
}

impl Counted {
    fn of(&self, physical_id: &str, session: &Session) -> Metric {
        let value = |of: &Of| match of {
            Of::PhysicalId => physical_id.to_owned(),
            Of::Account => session.place.account.to_string(),
            Of::Text(text) => (*text).to_owned(),
        };
        let dimensions = self.dimensions.iter().map(|(name, of)| ((*name).to_owned(), value(of)));
        Metric {
            namespace: self.namespace.to_owned(),
            name: self.metric.to_owned(),
            dimensions: dimensions.collect::<BTreeMap<_, _>>(),
            statistic: "Average".to_owned(),
            period_seconds: self.period_seconds,
        }
    }
}

/// What each of these resources holds, in their order: a call for each queue, and one for all metrics.
pub(super) async fn contents(session: &Session, resources: &[Resource], now: SystemTime) -> Vec<Contents> {
    let counted = |resource: &Resource| match (Counting::of(&resource.resource_type), &resource.physical_id) {
        (Counting::Metrics(counted), Some(id)) => counted.iter().map(|one| one.of(id, session)).collect(),
        _ => Vec::new(),
    };
    let metrics: Vec<Metric> = resources.iter().flat_map(counted).collect();
    let values = match metrics.is_empty() {
        true => Ok(Vec::new()),
        false => usage_metrics::latest(session, &metrics, now).await.map_err(|error| with_causes(&error)),
    };
    let mut values = values.map(Vec::into_iter);
    let mut all = Vec::new();
    for resource in resources {
        let Some(id) = &resource.physical_id else {
            all.push(Contents::Empty);
            continue;
        };
        all.push(match Counting::of(&resource.resource_type) {
            Counting::Definition => Contents::Definition,
            Counting::Uncounted(why) => Contents::Unknown { why: (*why).to_owned() },
            Counting::Messages => match sqs::depth(session, id).await {
                Ok(0) => Contents::Empty,
                Ok(count) => Contents::Holds { what: format!("about {count} messages") },
                Err(error) => Contents::Unknown { why: error.cause.to_string() },
            },
            Counting::Metrics(counted) => match &mut values {
                Ok(values) => {
                    let own: Vec<Option<f64>> = values.by_ref().take(counted.len()).collect();
                    published(counted, &own)
                }
                Err(why) => Contents::Unknown { why: why.clone() },
            },
        });
    }
    all
}

/// Values of a row's metrics, each with `unknown` where nothing was published.
fn published(counted: &[Counted], values: &[Option<f64>]) -> Contents {
    let names: Vec<&str> = counted.iter().map(|one| one.metric).collect();
    if values.iter().all(Option::is_none) {
        return Contents::Unknown { why: format!("CloudWatch has no recent value of {}", names.join(" or ")) };
    }
    let parts = counted.iter().zip(values).map(|(one, value)| one.unit.text(*value));
    Contents::Holds { what: format!("about {}, by CloudWatch", parts.collect::<Vec<_>>().join(", ")) }
}

impl Unit {
    fn text(&self, value: Option<f64>) -> String {
        match (self, value) {
            (Self::Count(what), None) => format!("unknown {what}"),
            (Self::Count(what), Some(value)) => format!("{value:.0} {what}"),
            (Self::Bytes(what) | Self::Mebibytes(what) | Self::Percent(what), None) => format!("unknown size {what}"),
            (Self::Bytes(what), Some(value)) => format!("{} {what}", size(value)),
            (Self::Mebibytes(what), Some(value)) => format!("{} {what}", size(value * 1_048_576.0)),
            (Self::Percent(what), Some(value)) => format!("{value:.0}% {what}"),
        }
    }
}

/// Bytes in the largest binary unit that fits.
fn size(bytes: f64) -> String {
    const UNITS: [(f64, &str); 4] =
        [(1_099_511_627_776.0, "TiB"), (1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1_024.0, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes / unit),
        None => format!("{bytes:.0} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(resource_type: &str, values: &[Option<f64>]) -> String {
        let Counting::Metrics(counted) = Counting::of(resource_type) else { panic!("{resource_type} has no metrics") };
        assert_eq!(counted.len(), values.len());
        match published(counted, values) {
            Contents::Holds { what } => what,
            Contents::Unknown { why } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_published_is_said_and_the_rest_is_unknown() {
        let bucket = "AWS::S3::Bucket";
        assert_eq!(said(bucket, &[Some(3.0), Some(2048.0)]), "about 3 objects, 2.0 KiB in S3 Standard, by CloudWatch");
        assert_eq!(said(bucket, &[Some(0.0), None]), "about 0 objects, unknown size in S3 Standard, by CloudWatch");
        let none = "CloudWatch has no recent value of NumberOfObjects or BucketSizeBytes";
        assert_eq!(said(bucket, &[None, None]), none);
        let domain = said("AWS::OpenSearchService::Domain", &[Some(1e6), Some(2560.0)]);
        assert_eq!(domain, "about 1000000 documents, 2.5 GiB used, by CloudWatch");
        assert_eq!(said("AWS::Redshift::Cluster", &[Some(41.7)]), "about 42% of its storage used, by CloudWatch");
        assert_eq!(said("AWS::RDS::DBCluster", &[Some(5.0)]), "about 5 bytes stored, by CloudWatch");
    }

    #[test]
    fn every_row_is_of_a_stateful_type() {
        for (resource_type, _) in &TABLE {
            assert!(super::super::change::is_stateful(resource_type), "{resource_type}");
        }
    }
}
