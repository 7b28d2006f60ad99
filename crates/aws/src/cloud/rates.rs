//! How often we ask AWS: one token bucket for each account, region and family of operations.
//!
//! A family is a set of operations that AWS throttles together. Where AWS documents a rate, ours is below it, so that
//! the account's other callers keep their share; where it documents none, ours is a modest guess that the SDK's
//! standard retries can make up for.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Mutex;

/// Operations that AWS throttles together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `Describe*`, `List*`, `Get*` of CloudFormation.
    CloudFormationRead,
    /// Whatever changes stacks and change sets.
    CloudFormationWrite,
    /// Starting drift detections: each makes CloudFormation read every resource.
    CloudFormationDrift,
    CloudControl,
    CloudTrail,
    CloudWatch,
    /// `Describe*` of EC2, filtered and paginated.
    Ec2Read,
    Ec2Write,
    Iam,
    /// The control plane of AWS Lambda: everything but invocations, [`Self::LambdaFunction`] and [`Self::LambdaPolicy`].
    Lambda,
    /// `GetFunction` of AWS Lambda.
    LambdaFunction,
    /// `GetPolicy` of AWS Lambda.
    LambdaPolicy,
    OpenSearch,
    S3,
    ServiceQuotas,
    Sqs,
    Sts,
    AppConfig,
    Tagging,
    Ecs,
    /// Elastic Load Balancing.
    Elb,
    Kms,
    /// CloudWatch Logs, but for [`Self::LogsSubscriptionFilters`]: each operation has a rate of its own.
    Logs,
    /// `DescribeSubscriptionFilters` of CloudWatch Logs, which every log group costs a call of.
    LogsSubscriptionFilters,
    /// The whole account together, whatever the region.
    Route53,
    Sns,
    /// Services that are asked a few questions for each account and region: Application Auto Scaling, RAM, Roles
    /// Anywhere, Route 53 Resolver.
    Seldom,
}

/// One token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens when it is full.
    pub burst: u32,
    pub per_second: f64,
}

const fn rate(burst: u32, per_second: f64) -> Rate {
    Rate { burst, per_second }
}

impl Family {
    pub const ALL: [Self; 27] = [
        Self::CloudFormationRead,
        Self::CloudFormationWrite,
        Self::CloudFormationDrift,
        Self::CloudControl,
        Self::CloudTrail,
        Self::CloudWatch,
        Self::Ec2Read,
        Self::Ec2Write,
        Self::Iam,
        Self::Lambda,
        Self::LambdaFunction,
        Self::LambdaPolicy,
        Self::OpenSearch,
        Self::S3,
        Self::ServiceQuotas,
        Self::Sqs,
        Self::Sts,
        Self::AppConfig,
        Self::Tagging,
        Self::Ecs,
        Self::Elb,
        Self::Kms,
        Self::Logs,
        Self::LogsSubscriptionFilters,
        Self::Route53,
        Self::Sns,
        Self::Seldom,
    ];

    /// The family of a service's operations, of EC2 and CloudFormation those that read, as signatures name the service.
    pub fn of(service: &str, operation: &str) -> Self {
        match (service, operation) {
            ("appconfig", _) => Self::AppConfig,
            ("cloudcontrolapi", _) => Self::CloudControl,
            ("cloudformation", _) => Self::CloudFormationRead,
            ("cloudtrail", _) => Self::CloudTrail,
            ("ec2", _) => Self::Ec2Read,
            ("ecs", _) => Self::Ecs,
            ("elasticloadbalancing", _) => Self::Elb,
            ("es", _) => Self::OpenSearch,
            ("iam", _) => Self::Iam,
            ("kms", _) => Self::Kms,
            ("lambda", "GetFunction") => Self::LambdaFunction,
            ("lambda", "GetPolicy") => Self::LambdaPolicy,
            ("lambda", _) => Self::Lambda,
            ("logs", "DescribeSubscriptionFilters") => Self::LogsSubscriptionFilters,
            ("logs", _) => Self::Logs,
            ("monitoring", _) => Self::CloudWatch,
            ("route53", _) => Self::Route53,
            ("s3" | "s3-control", _) => Self::S3,
            ("sns", _) => Self::Sns,
            ("tagging", _) => Self::Tagging,
            _ => Self::Seldom,
        }
    }

    /// Whether a service is the same in all regions of an account: its calls are counted together, and its answers are
    /// the same.
    pub const fn is_of_account(self) -> bool {
        matches!(self, Self::Route53 | Self::Iam)
    }

    /// What AWS documents, for each account and region; None where it documents nothing.
    pub const fn documented(self) -> Option<Rate> {
        match self {
            // Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API": non-mutating actions 100 tokens
            // and 20 a second, mutating ones at least 50 and 5.
            Self::Ec2Read => Some(rate(100, 20.0)),
            Self::Ec2Write => Some(rate(50, 5.0)),
            // AWS CloudTrail User Guide, "Quotas in AWS CloudTrail": LookupEvents two a second.
            Self::CloudTrail => Some(rate(2, 2.0)),
            // Amazon CloudWatch User Guide, "CloudWatch service quotas": DescribeAlarms nine a second.
            Self::CloudWatch => Some(rate(9, 9.0)),
            // AWS Lambda Developer Guide, "Lambda quotas", API requests: GetFunction 100 a second, GetPolicy 15, the rest
            // of the control plane 15 together; none can be increased.
            Self::Lambda | Self::LambdaPolicy => Some(rate(15, 15.0)),
            Self::LambdaFunction => Some(rate(100, 100.0)),
            // Service Quotas User Guide, "Service quotas for Service Quotas": five a second and five more in one burst.
            Self::ServiceQuotas => Some(rate(10, 5.0)),
            // AWS STS: "Quotas for IAM and AWS STS": 600 a second for the account and region.
            Self::Sts => Some(rate(600, 600.0)),
            // Amazon S3 User Guide, "Best practices design patterns": 3,500 writes a second to a prefix.
            Self::S3 => Some(rate(3500, 3500.0)),
            // Amazon ECS API Reference, "Request throttling for the Amazon ECS API": service read actions (ListServices,
            // DescribeServices) 100 tokens and 20 a second, as have cluster resource read actions.
            Self::Ecs => Some(rate(100, 20.0)),
            // AWS KMS Developer Guide, "Request quotas": ListGrants 100 a second; ListAliases has 500.
            Self::Kms => Some(rate(100, 100.0)),
            // AWS General Reference, "Amazon CloudWatch Logs endpoints and quotas": DescribeSubscriptionFilters and
            // DescribeMetricFilters five a second each; neither can be increased.
            Self::Logs | Self::LogsSubscriptionFilters => Some(rate(5, 5.0)),
            // Amazon Route 53 Developer Guide, "Quotas", API requests: five a second for the account.
            Self::Route53 => Some(rate(5, 5.0)),
            // AWS General Reference, "Amazon SNS endpoints and quotas", API throttling: ListSubscriptions 30 a second,
            // GetTopicAttributes 30 in the Regions that have least.
            Self::Sns => Some(rate(30, 30.0)),
            _ => None,
        }
    }

    /// Our own bucket.
    pub const fn ours(self) -> Rate {
        match self {
            Self::CloudFormationRead => rate(10, 10.0),
            Self::CloudFormationWrite => rate(5, 5.0),
            Self::CloudFormationDrift => rate(2, 2.0),
            Self::CloudControl => rate(5, 5.0),
            Self::CloudTrail => rate(1, 1.0),
            Self::CloudWatch => rate(7, 7.0),
            Self::Ec2Read => rate(50, 15.0),
            Self::Ec2Write => rate(10, 4.0),
            Self::Iam | Self::AppConfig | Self::OpenSearch | Self::Tagging => rate(5, 5.0),
            Self::Lambda | Self::LambdaPolicy => rate(10, 10.0),
            Self::LambdaFunction => rate(50, 50.0),
            Self::S3 => rate(100, 100.0),
            Self::ServiceQuotas => rate(8, 4.0),
            Self::Sqs => rate(50, 50.0),
            Self::Ecs | Self::Elb => rate(10, 10.0),
            Self::Kms => rate(50, 50.0),
            Self::Logs | Self::Route53 => rate(4, 4.0),
            // What a drift check of a fleet waits for longest: it leaves others a tenth.
            Self::LogsSubscriptionFilters => rate(4, 4.5),
            Self::Sns => rate(20, 20.0),
            Self::Seldom => rate(2, 2.0),
            Self::Sts => rate(20, 20.0),
        }
    }
}

/// The buckets of one account and region.
#[derive(Debug)]
pub(super) struct Buckets([Bucket; Family::ALL.len()]);

/// A bucket, and the queue before it: first come, first served, and only the first looks at the bucket.
#[derive(Debug)]
struct Bucket {
    limiter: DefaultDirectRateLimiter,
    queue: Mutex<()>,
}

impl Buckets {
    /// Full buckets, each so many times as large and as fast as [`Family::ours`].
    pub(super) fn full(factor: u32) -> Self {
        Self(Family::ALL.map(|family| {
            let Rate { burst, per_second } = family.ours();
            let burst = NonZeroU32::new(burst.saturating_mul(factor)).unwrap_or(NonZeroU32::MIN);
            let refill = Duration::try_from_secs_f64(1.0 / (per_second * f64::from(factor.max(1))));
            // No rate of the table is one that a duration cannot hold; a second a token is slow, and safe.
            let quota = refill.ok().and_then(Quota::with_period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
            let quota = quota.allow_burst(burst);
            Bucket { limiter: RateLimiter::direct(quota), queue: Mutex::new(()) }
        }))
    }

    /// Waits for a token.
    pub(super) async fn take(&self, family: Family) {
        let bucket = &self.0[family as usize];
        let _first = bucket.queue.lock().await;
        bucket.limiter.until_ready().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_a_bucket_of_its_own_below_what_aws_documents() {
        for (index, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family as usize, index, "{family:?}");
            let ours = family.ours();
            assert!(ours.burst > 0 && ours.per_second > 0.0, "{family:?}");
            if let Some(documented) = family.documented() {
                assert!(ours.burst <= documented.burst && ours.per_second < documented.per_second, "{family:?}");
            }
        }
    }

    #[test]
    fn an_empty_bucket_leaves_the_others_full() {
        let buckets = Buckets::full(1);
        let family = Family::CloudFormationWrite;
        for _ in 0..family.ours().burst {
            assert!(buckets.0[family as usize].limiter.check().is_ok());
        }
        assert!(buckets.0[family as usize].limiter.check().is_err());
        assert!(buckets.0[Family::CloudFormationRead as usize].limiter.check().is_ok());
        assert!(Buckets::full(1).0[family as usize].limiter.check().is_ok(), "another account's bucket is its own");
    }
}
