//! Attributes that `Fn::GetAtt` gives and no physical id tells, of all resources of a region.

use std::collections::BTreeMap;

use super::reads::{self, Question, at};
use super::{CallError, Session};

/// DNS name and hosted zone of every load balancer, by ARN.
pub async fn all(session: &Session) -> Result<BTreeMap<String, BTreeMap<String, String>>, CallError> {
    let region = session.place.region.as_str();
    let question = Question::form("elasticloadbalancing", "DescribeLoadBalancers", region, "2015-12-01", &[]);
    let question = question.pages("NextMarker", "Marker");
    let mut found = BTreeMap::new();
    for page in reads::ask(session, &question).await? {
        let balancers = at(&page, "LoadBalancers").and_then(|list| list.as_array().cloned()).unwrap_or_default();
        for balancer in balancers {
            let text = |key: &str| balancer.get(key).and_then(|value| value.as_str()).map(str::to_owned);
            let Some(arn) = text("LoadBalancerArn") else { continue };
            let attributes = [("DNSName", "DNSName"), ("CanonicalHostedZoneID", "CanonicalHostedZoneId")];
            let reported = attributes.iter().filter_map(|(attribute, key)| Some(((*attribute).to_owned(), text(key)?)));
            found.insert(arn, reported.collect());
        }
    }
    Ok(found)
}
