//! How often we ask AWS: one token bucket for each account, region and family of operations.
//!
//! A family is a set of operations that AWS throttles together. Where AWS documents a rate, ours is below it, so that
//! the account's other callers keep their share; where it documents none, ours is a modest guess that the SDK's
//! standard retries can make up for.

use std::num::NonZeroU32;

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
    /// The control plane: everything but `Invoke` and `GetFunction`.
    Lambda,
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
    /// CloudWatch Logs.
    Logs,
    /// The whole account together, whatever the region.
    Route53,
    Sns,
    /// Services that are asked a few questions for each account and region: Application Auto Scaling, RAM, Roles
    /// Anywhere, Route 53 Resolver.
    Seldom,
}

/// One token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens when it is full.
    pub burst: u32,
    pub per_second: u32,
}

const fn rate(burst: u32, per_second: u32) -> Rate {
    Rate { burst, per_second }
}

impl Family {
    pub const ALL: [Self; 24] = [
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
        Self::Route53,
        Self::Sns,
        Self::Seldom,
    ];

    /// The family of a service's operations, of EC2 and CloudFormation those that read, as signatures name the service.
    pub fn of_service(service: &str) -> Self {
        match service {
            "appconfig" => Self::AppConfig,
            "cloudcontrolapi" => Self::CloudControl,
            "cloudformation" => Self::CloudFormationRead,
            "cloudtrail" => Self::CloudTrail,
            "ec2" => Self::Ec2Read,
            "ecs" => Self::Ecs,
            "elasticloadbalancing" => Self::Elb,
            "es" => Self::OpenSearch,
            "iam" => Self::Iam,
            "kms" => Self::Kms,
            "lambda" => Self::Lambda,
            "logs" => Self::Logs,
            "monitoring" => Self::CloudWatch,
            "route53" => Self::Route53,
            "s3" | "s3-control" => Self::S3,
            "sns" => Self::Sns,
            "tagging" => Self::Tagging,
            _ => Self::Seldom,
        }
    }

    /// Whether AWS counts the calls of all regions of an account together.
    pub const fn is_of_account(self) -> bool {
        matches!(self, Self::Route53)
    }

    /// What AWS documents, for each account and region; None where it documents nothing.
    pub const fn documented(self) -> Option<Rate> {
        match self {
            // Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API": non-mutating actions 100 tokens
            // and 20 a second, mutating ones at least 50 and 5.
            Self::Ec2Read => Some(rate(100, 20)),
            Self::Ec2Write => Some(rate(50, 5)),
            // AWS CloudTrail User Guide, "Quotas in AWS CloudTrail": LookupEvents two a second.
            Self::CloudTrail => Some(rate(2, 2)),
            // Amazon CloudWatch User Guide, "CloudWatch service quotas": DescribeAlarms nine a second.
            Self::CloudWatch => Some(rate(9, 9)),
            // AWS Lambda Developer Guide, "Lambda quotas": the rest of the control plane 15 a second together.
            Self::Lambda => Some(rate(15, 15)),
            // Service Quotas User Guide, "Service quotas for Service Quotas": five a second and five more in one burst.
            Self::ServiceQuotas => Some(rate(10, 5)),
            // AWS STS: "Quotas for IAM and AWS STS": 600 a second for the account and region.
            Self::Sts => Some(rate(600, 600)),
            // Amazon S3 User Guide, "Best practices design patterns": 3,500 writes a second to a prefix.
            Self::S3 => Some(rate(3500, 3500)),
            // Amazon ECS Developer Guide, "Request throttling for the Amazon ECS API": cluster resource reads.
            Self::Ecs => Some(rate(100, 20)),
            // AWS KMS Developer Guide, "Request quotas": ListGrants and ListAliases.
            Self::Kms => Some(rate(100, 100)),
            // Amazon CloudWatch Logs User Guide, "CloudWatch Logs quotas": DescribeSubscriptionFilters and others.
            Self::Logs => Some(rate(5, 5)),
            // Amazon Route 53 Developer Guide, "Quotas": five requests a second for the account.
            Self::Route53 => Some(rate(5, 5)),
            // AWS General Reference, "Amazon SNS endpoints and quotas": ListSubscriptions, GetTopicAttributes.
            Self::Sns => Some(rate(30, 30)),
            _ => None,
        }
    }

    /// Our own bucket.
    pub const fn ours(self) -> Rate {
        match self {
            Self::CloudFormationRead => rate(10, 10),
            Self::CloudFormationWrite => rate(5, 5),
            Self::CloudFormationDrift => rate(2, 2),
            Self::CloudControl => rate(5, 5),
            Self::CloudTrail => rate(1, 1),
            Self::CloudWatch => rate(7, 7),
            Self::Ec2Read => rate(50, 15),
            Self::Ec2Write => rate(10, 4),
            Self::Iam | Self::AppConfig | Self::OpenSearch | Self::Tagging => rate(5, 5),
            Self::Lambda => rate(10, 10),
            Self::S3 => rate(100, 100),
            Self::ServiceQuotas => rate(8, 4),
            Self::Sqs => rate(50, 50),
            Self::Ecs | Self::Elb => rate(10, 10),
            Self::Kms => rate(50, 50),
            Self::Logs | Self::Route53 => rate(4, 4),
            Self::Sns => rate(20, 20),
            Self::Seldom => rate(2, 2),
            Self::Sts => rate(20, 20),
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
            let least_one = |number: u32| NonZeroU32::new(number.saturating_mul(factor)).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_second(least_one(per_second)).allow_burst(least_one(burst));
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
            assert!(ours.burst > 0 && ours.per_second > 0, "{family:?}");
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
