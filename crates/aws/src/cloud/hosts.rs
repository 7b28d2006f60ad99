//! Where services listen, for requests that no crate of the SDK sends.

use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::Place;

/// Services by the names that signatures have for them, and the SDK's names, by which a configuration gives one of them
/// an endpoint of its own (`AWS_ENDPOINT_URL_LAMBDA`). Source: AWS SDKs and Tools Reference Guide, "Service-specific
/// endpoints".
pub(super) const SDK_NAMES: [(&str, &str); 28] = [
    ("appconfig", "AppConfig"),
    ("application-autoscaling", "Application Auto Scaling"),
    ("cloudcontrolapi", "CloudControl"),
    ("cloudformation", "CloudFormation"),
    ("cloudtrail", "CloudTrail"),
    ("ec2", "EC2"),
    ("ecs", "ECS"),
    ("elasticache", "ElastiCache"),
    ("elasticloadbalancing", "Elastic Load Balancing v2"),
    ("es", "OpenSearch"),
    ("events", "EventBridge"),
    ("iam", "IAM"),
    ("kms", "KMS"),
    ("lambda", "Lambda"),
    ("logs", "CloudWatch Logs"),
    ("monitoring", "CloudWatch"),
    ("ram", "RAM"),
    ("rolesanywhere", "RolesAnywhere"),
    ("route53", "Route 53"),
    ("route53resolver", "Route53Resolver"),
    ("s3", "S3"),
    ("s3-control", "S3 Control"),
    ("secretsmanager", "Secrets Manager"),
    ("servicequotas", "Service Quotas"),
    ("sns", "SNS"),
    ("sqs", "SQS"),
    ("sts", "STS"),
    ("tagging", "Resource Groups Tagging API"),
];

/// Where a service listens, and for what its requests are signed.
pub(super) struct Host {
    pub(super) url: String,
    pub(super) region: String,
    pub(super) signing_name: &'static str,
}

impl Host {
    /// The service as the configuration has it: with an endpoint of its own, with FIPS endpoints, with dual-stack ones.
    pub(super) fn of(service: &'static str, place: &Place, config: &SdkConfig) -> Self {
        let kind =
            Kind { fips: config.use_fips().unwrap_or(false), dual_stack: config.use_dual_stack().unwrap_or(false) };
        let mut host = Self::of_aws(service, place, kind);
        if let Some(url) = configured(service, config) {
            host.url = url;
        }
        host
    }

    /// Source: AWS General Reference, "Service endpoints and quotas"; AWS's endpoint rules of each service.
    fn of_aws(service: &'static str, place: &Place, kind: Kind) -> Self {
        let region = place.region.to_string();
        let partition = place.region.partition();
        let suffix = match (partition, kind.dual_stack) {
            ("aws-cn", false) => "amazonaws.com.cn",
            ("aws-cn", true) => "api.amazonwebservices.com.cn",
            (_, false) => "amazonaws.com",
            (_, true) => "api.aws",
        };
        // In GovCloud the only endpoints of some services are the FIPS ones.
        let fips = if kind.fips && !(partition == "aws-us-gov" && GOV_FIPS.contains(&service)) { "-fips" } else { "" };
        let (prefix, signing_name) = match service {
            "s3-control" => (format!("{}.s3-control", place.account), "s3"),
            "es" if kind.dual_stack && !kind.fips => ("aos".to_owned(), "es"),
            other => (other.to_owned(), other),
        };
        // Services of the whole partition live in one of its regions.
        let (url, region) = match (service, partition) {
            ("iam", "aws-cn") if kind == Kind::default() => {
                (format!("https://iam.cn-north-1.{suffix}"), "cn-north-1".to_owned())
            }
            ("iam", "aws-cn") => (format!("https://iam{fips}.{suffix}"), "cn-north-1".to_owned()),
            ("route53", "aws-cn") => (format!("https://route53.{suffix}"), "cn-northwest-1".to_owned()),
            ("iam" | "route53", "aws-us-gov") => {
                (format!("https://{service}.us-gov.{suffix}"), "us-gov-west-1".to_owned())
            }
            ("iam", _) if kind.dual_stack && !kind.fips => {
                (format!("https://iam.global.{suffix}"), "us-east-1".to_owned())
            }
            ("iam" | "route53", _) => (format!("https://{service}{fips}.{suffix}"), "us-east-1".to_owned()),
            _ => (format!("https://{prefix}{fips}.{region}.{suffix}"), region),
        };
        Self { url, region, signing_name }
    }
}

/// Which of AWS's endpoints are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kind {
    fips: bool,
    dual_stack: bool,
}

/// Services whose endpoints in GovCloud are FIPS ones under their usual names.
const GOV_FIPS: [&str; 3] = ["appconfig", "cloudtrail", "monitoring"];

/// The endpoint that the configuration names: for the client, for the service, for all services, in this order.
fn configured(service: &str, config: &SdkConfig) -> Option<String> {
    let all = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return all;
    }
    let key = ServiceConfigKey::builder().service_id(sdk_name(service)).env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let own = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
    own.or(all)
}

/// What the SDK calls a service; its own name for one that is not in the table.
pub(super) fn sdk_name(service: &str) -> &'static str {
    SDK_NAMES.iter().find(|(name, _)| *name == service).map_or("Unknown", |(_, sdk)| sdk)
}

/// The version of the JSON protocol that a service speaks. Source: the Smithy models of the services.
pub(super) fn json_version(service: &str) -> &'static str {
    if matches!(service, "cloudcontrolapi" | "monitoring") { "1.0" } else { "1.1" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(service: &'static str, region: &str, fips: bool, dual_stack: bool) -> String {
        let place = Place { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() };
        let host = Host::of_aws(service, &place, Kind { fips, dual_stack });
        format!("{} as {}", host.url.trim_start_matches("https://"), host.region)
    }

    // As the endpoint rules of the SDK's crates have them.
    #[test]
    fn services_listen_where_the_sdk_would_look_for_them() {
        let cases = [
            ("sns", "eu-west-1", false, false, "sns.eu-west-1.amazonaws.com as eu-west-1"),
            ("route53", "eu-west-1", false, false, "route53.amazonaws.com as us-east-1"),
            ("iam", "eu-west-1", false, false, "iam.amazonaws.com as us-east-1"),
            ("iam", "eu-west-1", true, false, "iam-fips.amazonaws.com as us-east-1"),
            ("iam", "eu-west-1", false, true, "iam.global.api.aws as us-east-1"),
            ("iam", "us-gov-east-1", true, false, "iam.us-gov.amazonaws.com as us-gov-west-1"),
            ("iam", "cn-north-1", false, false, "iam.cn-north-1.amazonaws.com.cn as cn-north-1"),
            ("iam", "cn-north-1", true, false, "iam-fips.amazonaws.com.cn as cn-north-1"),
            ("s3-control", "eu-west-1", false, false, "111122223333.s3-control.eu-west-1.amazonaws.com as eu-west-1"),
            ("lambda", "us-east-1", true, false, "lambda-fips.us-east-1.amazonaws.com as us-east-1"),
            ("lambda", "us-east-1", true, true, "lambda-fips.us-east-1.api.aws as us-east-1"),
            ("lambda", "cn-north-1", false, true, "lambda.cn-north-1.api.amazonwebservices.com.cn as cn-north-1"),
            ("es", "us-east-1", false, true, "aos.us-east-1.api.aws as us-east-1"),
            ("es", "us-gov-west-1", true, false, "es-fips.us-gov-west-1.amazonaws.com as us-gov-west-1"),
            ("monitoring", "us-gov-west-1", true, false, "monitoring.us-gov-west-1.amazonaws.com as us-gov-west-1"),
            ("cloudtrail", "us-east-1", true, false, "cloudtrail-fips.us-east-1.amazonaws.com as us-east-1"),
        ];
        for (service, region, fips, dual_stack, wanted) in cases {
            assert_eq!(host(service, region, fips, dual_stack), wanted);
        }
    }

    #[test]
    fn an_endpoint_of_one_service_comes_before_that_of_all() {
        #[derive(Debug)]
        struct OfLambda;
        impl aws_types::service_config::LoadServiceConfig for OfLambda {
            fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
                (key.service_id() == "Lambda").then(|| "http://lambda".to_owned())
            }
        }
        let config = SdkConfig::builder().endpoint_url("http://all").service_config(OfLambda).build();
        assert_eq!(configured("lambda", &config).as_deref(), Some("http://lambda"));
        assert_eq!(configured("iam", &config).as_deref(), Some("http://all"));
    }

    #[test]
    fn every_service_of_the_table_of_neighbours_has_a_name_in_the_sdk() {
        let table = include_str!("../../../../policies/neighbours.yaml");
        let rows = table.lines().filter(|line| !line.trim_start().starts_with('#'));
        let services = rows.filter_map(|line| line.split_once("service:")).map(|(_, rest)| rest);
        let named =
            |rest: &str| rest.trim().trim_start_matches('"').split([',', ' ', '}', '"']).next().map(str::to_owned);
        let services: Vec<String> = services.filter_map(named).collect();
        assert!(services.len() > 10, "{services:?}");
        for service in services {
            assert_ne!(sdk_name(&service), "Unknown", "{service}");
        }
    }
}
