//! Names that are borne in the account, of the types whose resources may outlive their stack.

use std::collections::{BTreeMap, BTreeSet};

use super::{Wanted, seen};
use tenantry_aws::cloud::{CallError, Session, account_settings, sqs};
use tenantry_checks::capacity::Seen;

/// Names by type of resource.
pub(super) type Names = BTreeMap<&'static str, Seen<BTreeSet<String>>>;

/// One paginated call for each type; queues are asked for by name, since an account may have very many.
pub(super) async fn look(session: &Session, wanted: &[&Wanted], standing: &BTreeSet<String>) -> Names {
    let (buckets, domains) =
        futures::join!(account_settings::buckets(session), account_settings::search_domains(session));
    let new = wanted.iter().filter(|one| !standing.contains(&one.name));
    let queues = new.flat_map(|one| &one.needs.names).filter(|name| name.resource_type == "AWS::SQS::Queue");
    let queues: BTreeSet<&str> = queues.map(|queue| queue.name.as_str()).collect();
    BTreeMap::from([
        ("AWS::OpenSearchService::Domain", seen(domains)),
        ("AWS::S3::Bucket", seen(buckets)),
        ("AWS::SQS::Queue", seen(existing(session, &queues).await)),
    ])
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
