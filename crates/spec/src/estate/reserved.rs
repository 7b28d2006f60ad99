//! Names that a tenant or an organisation may not have, because the tool or an AWS service keeps them for itself.

/// Names of the control plane's own stack, buckets, topic and log destination, each after the organisation; the fleet's
/// own file; and what `tenantry explain` takes beside tenants.
const OWN: [&str; 8] = ["access-logs", "artifacts", "central-logs", "codes", "control-plane", "fleet", "logs", "pages"];

/// Beginnings of the control plane's names. Its buckets are `<organisation>-artifacts-<account>-<region>` and
/// the like; a tenant that is called so could come to own one of them.
const OWN_PREFIXES: [&str; 4] = ["access-logs-", "artifacts-", "control-plane-", "logs-"];

/// Beginnings of names that a service refuses, and what would be named so. Every name of a stack starts with the
/// organisation. Sources: Amazon S3 User Guide, "General purpose bucket naming rules"; Elastic Load Balancing API
/// Reference, CreateLoadBalancer, `Name`.
const OF_SERVICES: [(&str, &str); 4] =
    [("amzn-s3-demo-", "buckets"), ("internal-", "load balancers"), ("sthree-", "buckets"), ("xn--", "buckets")];

/// Why a tenant may not be called so.
pub(super) fn tenant(name: &str) -> Option<String> {
    let own = OWN.iter().find(|own| **own == name).map(|own| format!("`{own}` is a name of the tool's own"));
    own.or_else(|| {
        let prefix = OWN_PREFIXES.iter().find(|prefix| name.starts_with(**prefix))?;
        Some(format!("names that begin with `{prefix}` are the control plane's"))
    })
}

/// Why an organisation may not be called so.
pub(super) fn organisation(name: &str) -> Option<String> {
    let first = format!("{name}-");
    let (prefix, what) = OF_SERVICES.iter().find(|(prefix, _)| first.starts_with(prefix))?;
    Some(format!("AWS refuses names of {what} that begin with `{prefix}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tool_names_so_itself_is_reserved_and_what_is_only_like_it_is_free() {
        for name in [
            "control-plane",
            "control-plane-2",
            "fleet",
            "pages",
            "artifacts-111122223333-eu-west-1",
            "access-logs-x",
            "logs-eu",
        ] {
            assert!(tenant(name).is_some(), "{name}");
        }
        for name in ["acme", "control", "plane", "pages-inc", "logstash", "fleetwood", "artifact"] {
            assert_eq!(tenant(name), None, "{name}");
        }
    }

    #[test]
    fn no_organisation_begins_names_that_a_service_refuses() {
        for name in ["internal", "internal-it", "xn--abc", "sthree-x", "sthree", "amzn-s3-demo-x", "amzn-s3-demo"] {
            assert!(organisation(name).is_some(), "{name}");
        }
        for name in ["metanet", "internals", "sthreex", "xn", "awsome"] {
            assert_eq!(organisation(name), None, "{name}");
        }
    }
}
