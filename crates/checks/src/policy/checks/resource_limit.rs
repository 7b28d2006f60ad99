//! A single resource holds no more than AWS lets it: policies, rules, certificates, seconds. The limits and what they count
//! are rows of `policies/quotas.yaml`.

use super::{Fault, RESOURCE_DEFAULT_LIMIT, RESOURCE_LIMIT};
use crate::capacity::Size;
use crate::policy::registry::Entry;

/// A resource beyond a limit.
pub(in crate::policy) fn check(size: &Size<'_>) -> Option<(Entry, Fault)> {
    let quota = size.quota;
    let (entry, limit) = match quota.adjustable {
        false => (RESOURCE_LIMIT, "at most"),
        true => (RESOURCE_DEFAULT_LIMIT, "by default at most"),
    };
    let unit = if quota.unit == "count" { String::new() } else { format!(" {}", quota.unit) };
    let message = format!("{}: {}{unit}, {limit} {}", quota.name, size.amount, quota.default);
    (size.amount > quota.default).then(|| (entry, Fault::new(&size.resource, &size.path, message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::{Quota, parse};

    #[test]
    fn a_resource_holds_its_limit_and_not_one_more() {
        let quotas = parse(include_str!("../../../../../policies/quotas.yaml")).unwrap();
        let found = |id: &str, amount: u64| {
            let quota: &Quota = quotas.iter().find(|quota| quota.id == id).unwrap();
            let size = Size { quota, resource: "It".to_owned(), path: "Properties/It".to_owned(), amount };
            check(&size).map(|(entry, fault)| format!("{} {}", entry.code, fault.message))
        };
        assert_eq!(found("acm-domain-name-octets", 64), None);
        let message = "TN4305 Octets of a certificate's domain name: 65 octets, at most 64";
        assert_eq!(found("acm-domain-name-octets", 65).as_deref(), Some(message));
        assert_eq!(found("vpc-rules-per-security-group", 60), None);
        let message = "TN4306 Inbound or outbound rules per security group: 61, by default at most 60";
        assert_eq!(found("vpc-rules-per-security-group", 61).as_deref(), Some(message));
    }
}
