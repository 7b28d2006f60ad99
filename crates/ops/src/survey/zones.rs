//! The hosted zones in which a plan's certificates are validated: whether the internet finds the record that ACM looks for.
//!
//! In: a plan and the templates that it would send. Out: findings. A certificate in a zone to which nothing leads waits for
//! its validation, and the stack with it, until CloudFormation gives up after hours.
//! Source: AWS Certificate Manager User Guide, "DNS validation".

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use serde_json::Value;

use super::AT_ONCE;
use crate::deploy::{Desired, Plan};
use tenantry_aws::cloud::hosted_zones::{HostedZone, hosted_zone};
use tenantry_aws::cloud::{Access, Cloud, Place, with_causes};
use tenantry_aws::dns;
use tenantry_base::finding::{Code, Finding};

/// A certificate that a plan makes, and the zone that is to hold its validation record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    tenant: String,
    logical_id: String,
}

/// Findings on the zones of the certificates that a plan makes: a call and a question to DNS for each zone.
pub async fn delegations(cloud: &Cloud, plan: &Plan, desired: &[Desired]) -> Vec<Finding> {
    let mut zones: BTreeMap<(Place, String), (Access, Vec<Wanted>)> = BTreeMap::new();
    for stack in plan.work() {
        let Some(wanted) = desired.iter().find(|desired| desired.stack == stack.stack && desired.place == stack.place)
        else {
            continue;
        };
        let made = stack.action.changes().iter().filter(|change| {
            change.action == "Add" || change.replacement.as_deref().is_some_and(|reported| reported != "False")
        });
        let template: Value = serde_json::from_str(&wanted.body).unwrap_or_default();
        for change in made {
            for zone in zones_of(&template["Resources"][&change.logical_id]) {
                let entry = zones.entry((wanted.place.clone(), zone));
                let (_, certificates) = entry.or_insert_with(|| (wanted.access.clone(), Vec::new()));
                certificates.push(Wanted { tenant: stack.tenant.clone(), logical_id: change.logical_id.clone() });
            }
        }
    }
    let looks = zones.into_iter().map(|((place, zone), (access, wanted))| async move {
        match look(cloud, &place, &access, &zone).await {
            None => Vec::new(),
            Some(fault) => wanted
                .into_iter()
                .map(|one| fault.clone().with_tenant(one.tenant).with_resource(one.logical_id))
                .collect(),
        }
    });
    let found: Vec<Vec<Finding>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

/// The zones in which a certificate is validated; none for any other resource. Source: CloudFormation Template Reference,
/// `AWS::CertificateManager::Certificate DomainValidationOption`.
pub fn zones_of(certificate: &Value) -> BTreeSet<String> {
    let options = certificate["Properties"]["DomainValidationOptions"].as_array().into_iter().flatten();
    options.filter_map(|option| option["HostedZoneId"].as_str().map(str::to_owned)).collect()
}

/// What is wrong with a hosted zone, or unknown of it; None where it is delegated.
pub async fn look(cloud: &Cloud, place: &Place, access: &Access, id: &str) -> Option<Finding> {
    let asked = async {
        let session = cloud.session(place, access).await?;
        hosted_zone(&session, id).await
    };
    let zone = match asked.await {
        Ok(Some(zone)) => zone,
        Ok(None) => {
            let message = format!("account {} has no hosted zone `{id}`", place.account);
            let help = "name a public hosted zone of this account in `accounts` of `tenants/fleet.yaml`";
            return Some(Finding::new(Code::TN2405, message).with_help(help));
        }
        Err(error) => return Some(unknown(id, &with_causes(&error))),
    };
    if zone.is_private {
        let message = format!("hosted zone `{}` ({id}) is private: ACM cannot see its records", zone.name);
        return Some(Finding::new(Code::TN2405, message).with_help("name a public hosted zone"));
    }
    match dns::name_servers(&zone.name).await {
        Ok(reported) => not_delegated(id, &zone, &reported),
        Err(error) => Some(unknown(&zone.name, &with_causes(&error))),
    }
}

fn unknown(zone: &str, why: &str) -> Finding {
    let message = format!("the delegation of hosted zone `{zone}` is unknown: {why}");
    Finding::new(Code::TN2406, message)
}

/// A zone is delegated when DNS names a server of its own: registries take days to forget former ones.
fn not_delegated(id: &str, zone: &HostedZone, reported: &BTreeSet<String>) -> Option<Finding> {
    if zone.name_servers.iter().any(|server| reported.contains(server)) {
        return None;
    }
    let list = |servers: &BTreeSet<String>| servers.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let answer = if reported.is_empty() { "no name servers".to_owned() } else { list(reported) };
    let message = format!("hosted zone `{}` ({id}) is not delegated: DNS answers {answer}", zone.name);
    let help = format!("in the parent zone, or at the registrar, set its name servers: {}", list(&zone.name_servers));
    Some(Finding::new(Code::TN2405, message).with_help(help))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_zone_is_delegated_when_dns_names_a_server_of_its_own() {
        let set = |servers: &[&str]| servers.iter().map(|server| (*server).to_owned()).collect::<BTreeSet<_>>();
        let own = set(&["ns-1.awsdns-1.org", "ns-2.awsdns-2.com"]);
        let zone = HostedZone { name: "one.example.com".to_owned(), is_private: false, name_servers: own };
        let check = |reported: &[&str], expected: Option<&str>| {
            let found = not_delegated("Z1", &zone, &set(reported));
            assert_eq!(found.map(|found| found.message).as_deref(), expected, "{reported:?}");
        };
        check(&["ns-1.awsdns-1.org", "ns-2.awsdns-2.com"], None);
        check(&["ns-2.awsdns-2.com", "ns.former.example"], None);
        let not = "hosted zone `one.example.com` (Z1) is not delegated: DNS answers";
        check(&[], Some(&format!("{not} no name servers")));
        check(&["ns.former.example"], Some(&format!("{not} ns.former.example")));
    }

    #[test]
    fn the_zones_of_a_certificate_are_those_of_its_validation() {
        let check = |options: Value, expected: &[&str]| {
            let found = zones_of(&json!({ "Properties": { "DomainValidationOptions": options } }));
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        };
        check(json!([{ "DomainName": "a.example", "HostedZoneId": "Z1" }]), &["Z1"]);
        check(json!([{ "HostedZoneId": "Z1" }, { "HostedZoneId": "Z2" }, { "HostedZoneId": "Z1" }]), &["Z1", "Z2"]);
        // Validated by mail, or in a zone that the stack makes.
        check(json!([{ "ValidationDomain": "example.com" }, { "HostedZoneId": { "Ref": "Zone" } }]), &[]);
        check(Value::Null, &[]);
    }
}
