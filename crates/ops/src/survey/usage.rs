//! How much of each quota is used: as its service counts it, else as it publishes it in `AWS/Usage`, else by listing
//! the resources. The first that answers wins; if none does, the use is unknown, with every reason.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures::{StreamExt, stream};

use super::AT_ONCE;
use super::names::Names;
use super::seen;
use super::stacks::Stacks;
use super::subnets::Subnets;
use tenantry_aws::cloud::account_settings::{self, LambdaSettings};
use tenantry_aws::cloud::ec2_usage::{self, Counted};
use tenantry_aws::cloud::resource_lists::{self, Count};
use tenantry_aws::cloud::usage_metrics::{self, Metric};
use tenantry_aws::cloud::{CallError, Session, ec2, with_causes};
use tenantry_checks::capacity::{Limit, Measured, Quota, Scope, Within};

const BYTES_PER_GIB: u64 = 1 << 30;

/// Use by id of the quota, and limits that only the service itself tells.
pub(super) struct Usage {
    pub(super) usage: BTreeMap<String, Measured<BTreeMap<Within, u64>>>,
    pub(super) limits: BTreeMap<String, Measured<Limit>>,
}

/// Counts the use of quotas.
pub(super) async fn look(
    session: &Session,
    quotas: &[&Quota],
    stacks: &Stacks,
    subnets: &Measured<Subnets>,
    metrics: &BTreeMap<String, Metric>,
    names: &Names,
) -> Usage {
    let counted: Vec<&Quota> =
        quotas.iter().copied().filter(|quota| !matches!(quota.scope, Scope::Stack | Scope::Resource)).collect();
    let published = published(session, &counted, metrics).await;
    let lambda = if counted.iter().any(|quota| quota.service == "lambda") {
        seen(account_settings::lambda(session).await)
    } else {
        Measured::default()
    };
    let (lambda, published) = (&lambda, &published);
    let looks = counted.iter().map(|quota| async move {
        let answer = own(session, quota, stacks, subnets, lambda, names).await;
        if answer.known().is_some() {
            return (quota.id.clone(), answer);
        }
        let answer = match published.known().and_then(|values| values.get(&quota.id)) {
            Some(value) => Measured::Known(everywhere(quota, *value)),
            None => match quota.measure.strip_prefix("cloudcontrol ListResources ") {
                Some(kind) => listed(session, quota, kind).await,
                None => answer,
            },
        };
        (quota.id.clone(), answer)
    });
    let usage = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    let limit = |settings: &LambdaSettings| {
        [("lambda-concurrency", settings.concurrency), ("lambda-code-storage", settings.code_bytes / BYTES_PER_GIB)]
    };
    let limits = lambda.known().into_iter().flat_map(limit);
    let limits = limits.map(|(id, value)| (id.to_owned(), Measured::Known(Limit { value, applied: true }))).collect();
    Usage { usage, limits }
}

/// What a count over the quota's whole scope is within.
fn everywhere(quota: &Quota, used: u64) -> BTreeMap<Within, u64> {
    let within = if quota.scope == Scope::Account { Within::Account } else { Within::Region };
    [(within, used)].into_iter().collect()
}

/// As the service itself counts.
async fn own(
    session: &Session,
    quota: &Quota,
    stacks: &Stacks,
    subnets: &Measured<Subnets>,
    lambda: &Measured<LambdaSettings>,
    names: &Names,
) -> Measured<BTreeMap<Within, u64>> {
    let reported = |answer: Result<u64, CallError>| seen(answer).map(|used| everywhere(quota, used));
    match quota.id.as_str() {
        "vpc-vpcs" => reported(ec2::vpcs(session).await.map(|vpcs| vpcs.len() as u64)),
        "vpc-internet-gateways" => reported(ec2_usage::count(session, Counted::InternetGateways).await),
        "vpc-egress-only-gateways" => reported(ec2_usage::count(session, Counted::EgressOnlyGateways).await),
        "vpc-security-groups" => reported(ec2_usage::count(session, Counted::SecurityGroups).await),
        "vpc-gateway-endpoints" => reported(ec2_usage::count(session, Counted::GatewayEndpoints).await),
        "ec2-elastic-ips" => reported(ec2_usage::count(session, Counted::ElasticAddresses).await),
        "vpc-network-interfaces" => match subnets {
            Measured::Known(subnets) => subnets.interfaces.clone().map(|used| everywhere(quota, used)),
            Measured::Unknown(why) => Measured::Unknown(why.clone()),
        },
        "vpc-nat-gateways" => nat_gateways(session, subnets).await,
        "cloudformation-stacks" => stacks.number.clone().map(|used| everywhere(quota, used)),
        "elasticache-nodes" => reported(account_settings::cache_nodes(session).await),
        "es-domains" => counted_names(quota, names, "AWS::OpenSearchService::Domain"),
        "iam-roles" => match account_settings::iam(session).await {
            Ok(summary) => match summary.get("Roles") {
                Some(used) => Measured::Known(everywhere(quota, *used)),
                None => Measured::Unknown("GetAccountSummary does not tell `Roles`".to_owned()),
            },
            Err(error) => Measured::Unknown(with_causes(&error)),
        },
        "s3-buckets" => counted_names(quota, names, "AWS::S3::Bucket"),
        "lambda-concurrency" => {
            lambda.clone().map(|settings| everywhere(quota, settings.concurrency.saturating_sub(settings.unreserved)))
        }
        "lambda-code-storage" => {
            lambda.clone().map(|settings| everywhere(quota, settings.code_bytes_used.div_ceil(BYTES_PER_GIB)))
        }
        _ => Measured::Unknown(format!("usage is not measured ({})", quota.measure)),
    }
}

fn counted_names(quota: &Quota, names: &Names, kind: &str) -> Measured<BTreeMap<Within, u64>> {
    let known = names.get(kind).map_or_else(Measured::default, Measured::as_ref);
    known.map(|names| everywhere(quota, names.len() as u64))
}

async fn nat_gateways(session: &Session, subnets: &Measured<Subnets>) -> Measured<BTreeMap<Within, u64>> {
    let subnets = match subnets {
        Measured::Known(subnets) => subnets,
        Measured::Unknown(why) => return Measured::Unknown(why.clone()),
    };
    let mut zones: BTreeMap<Within, u64> = BTreeMap::new();
    match ec2_usage::nat_gateways(session).await {
        Err(error) => return Measured::Unknown(with_causes(&error)),
        Ok(gateways) => {
            for (subnet, number) in gateways {
                let Some(zone) = subnets.zones.get(&subnet) else {
                    return Measured::Unknown(format!(
                        "the zone of `{subnet}`, which holds a NAT gateway, is not known"
                    ));
                };
                *zones.entry(Within::Zone(zone.clone())).or_default() += number;
            }
        }
    }
    Measured::Known(zones)
}

/// As services publish it, for the quotas whose metric Service Quotas names.
async fn published(
    session: &Session,
    quotas: &[&Quota],
    metrics: &BTreeMap<String, Metric>,
) -> Measured<BTreeMap<String, u64>> {
    let asked: Vec<(&String, &Metric)> = quotas.iter().filter_map(|quota| metrics.get_key_value(&quota.id)).collect();
    if asked.is_empty() {
        return Measured::Known(BTreeMap::new());
    }
    let queries: Vec<Metric> = asked.iter().map(|(_, metric)| (*metric).clone()).collect();
    seen(usage_metrics::latest(session, &queries, SystemTime::now()).await).map(|values| {
        let reported = asked.into_iter().zip(values);
        reported.filter_map(|((id, _), value)| Some((id.clone(), value?.max(0.0).ceil() as u64))).collect()
    })
}

/// By listing the resources.
async fn listed(session: &Session, quota: &Quota, kind: &str) -> Measured<BTreeMap<Within, u64>> {
    match resource_lists::count(session, kind).await {
        Ok(Count::Exactly(used)) => Measured::Known(everywhere(quota, used)),
        Ok(Count::MoreThan(used)) => {
            Measured::Unknown(format!("more than {used} resources of {kind} were not counted on"))
        }
        Err(error) => Measured::Unknown(with_causes(&error)),
    }
}
