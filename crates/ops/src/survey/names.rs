//! Names that are borne in the account, of the types whose resources may outlive their stack.

use std::collections::{BTreeMap, BTreeSet};

use super::{Wanted, seen};
use tenantry_aws::cloud::{CallError, Session, account_settings, resource_lists, sqs};
use tenantry_checks::capacity::Measured;

/// Names by type of resource.
pub(super) type Names = BTreeMap<&'static str, Measured<BTreeSet<String>>>;

/// Types that have a call of their own.
const OWN: [&str; 3] = ["AWS::OpenSearchService::Domain", "AWS::S3::Bucket", "AWS::SQS::Queue"];

/// One paginated call for each type, of other services by Cloud Control; queues are asked for by name, since an account may
/// have very many.
pub(super) async fn look(session: &Session, wanted: &[&Wanted], standing: &BTreeSet<String>) -> Names {
    let (buckets, domains) =
        futures::join!(account_settings::buckets(session), account_settings::search_domains(session));
    let new = wanted.iter().filter(|one| !standing.contains(&one.name)).flat_map(|one| &one.needs.names);
    let queues = new.clone().filter(|name| name.resource_type == "AWS::SQS::Queue");
    let queues: BTreeSet<&str> = queues.map(|queue| queue.name.as_str()).collect();
    let others: BTreeSet<&'static str> =
        new.map(|name| name.resource_type).filter(|kind| !OWN.contains(kind)).collect();
    let mut names = BTreeMap::from([
        ("AWS::OpenSearchService::Domain", seen(domains)),
        ("AWS::S3::Bucket", seen(buckets)),
        ("AWS::SQS::Queue", seen(existing(session, &queues).await)),
    ]);
    for kind in others {
        names.insert(kind, listed(session, kind).await);
    }
    names
}

/// The names of all resources of a type, as Cloud Control lists them.
async fn listed(session: &Session, kind: &str) -> Measured<BTreeSet<String>> {
    match resource_lists::identifiers(session, kind).await {
        Ok((found, true)) => Measured::Known(found.iter().map(|id| name_of(id).to_owned()).collect()),
        Ok((found, false)) => {
            Measured::Unknown(format!("more than {} resources of {kind} were not listed", found.len()))
        }
        Err(error) => seen(Err(error)),
    }
}

/// The name in an identifier. That of a secret is its ARN, which ends in six characters of AWS's own.
/// Source: AWS Secrets Manager User Guide, "What's in a Secrets Manager secret?".
fn name_of(identifier: &str) -> &str {
    match identifier.split_once(":secret:") {
        Some((_, name)) => name.rsplit_once('-').map_or(name, |(name, _)| name),
        None => identifier,
    }
}

/// Those of some queues that exist.
async fn existing(session: &Session, names: &BTreeSet<&str>) -> Result<BTreeSet<String>, CallError> {
    let mut found = BTreeSet::new();
    for name in names {
        if sqs::queue_url(session, name).await?.is_some() {
            found.insert((*name).to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_secrets_name_is_in_its_arn() {
        assert_eq!(name_of("metanet-acme-sessions"), "metanet-acme-sessions");
        assert_eq!(
            name_of("arn:aws:secretsmanager:eu-west-1:111122223333:secret:metanet-acme-database-Ab1cD2"),
            "metanet-acme-database"
        );
    }
}
