//! The stacks that stand, and what deployments under way are yet to make.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Wanted;
use tenantry_aws::cloud::{Session, cloudformation, with_causes};
use tenantry_checks::capacity::{Demand, Measured, Standing, count};

/// What is known of the stacks of a place.
pub(super) struct Stacks {
    pub(super) standing: Measured<BTreeMap<String, Standing>>,
    pub(super) in_flight: Demand,
    pub(super) deploying: Vec<String>,
    /// A deployment is under way of which nobody can say what it makes.
    pub(super) unread: Option<String>,
    /// How many there are, ours or not.
    pub(super) number: Measured<u64>,
}

/// One paginated call for all stacks; a template is read only where a stack of ours is not as git says, or where a
/// deployment is under way.
pub(super) async fn look(session: &Session, wanted: &[&Wanted]) -> Stacks {
    let nothing = |why: String| Stacks {
        standing: Measured::Unknown(why.clone()),
        in_flight: Demand::default(),
        deploying: Vec::new(),
        unread: None,
        number: Measured::Unknown(why),
    };
    let live = match cloudformation::stacks(session).await {
        Ok(live) => live,
        Err(error) => return nothing(with_causes(&error)),
    };
    let real = live.values().filter(|stack| stack.status != "REVIEW_IN_PROGRESS").count() as u64;
    let mut found = Stacks { standing: Measured::default(), number: Measured::Known(real), ..nothing(String::new()) };
    let digests: BTreeMap<&str, &str> = wanted.iter().map(|one| (one.name.as_str(), one.digest.as_str())).collect();
    let mut standing = BTreeMap::new();
    for stack in live.values().filter(|stack| stack.status != "REVIEW_IN_PROGRESS") {
        let ours = digests.get(stack.name.as_str());
        let making = is_making(&stack.status);
        let same = ours.is_some_and(|digest| stack.outputs.get("TenantryDigest").is_some_and(|live| live == digest));
        if same && !making {
            standing.insert(stack.name.clone(), Standing::AsDesired);
            continue;
        }
        if ours.is_none() && !making {
            continue;
        }
        let template = template(session, &stack.name).await;
        if making {
            found.deploying.push(stack.name.clone());
            match remaining(session, &stack.name, &template).await {
                Ok(demand) => found.in_flight.add(&demand),
                Err(why) => found.unread = Some(format!("stack `{}` is being deployed: {why}", stack.name)),
            }
        }
        if ours.is_some() {
            let seen = template.map(|template| Standing::Otherwise(Box::new(count(&template))));
            standing.insert(stack.name.clone(), seen.unwrap_or_else(Standing::Unknown));
        }
    }
    found.standing = Measured::Known(standing);
    found
}

/// A deployment is under way that makes things; one that takes them away only gives room.
fn is_making(status: &str) -> bool {
    matches!(status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "IMPORT_IN_PROGRESS")
}

async fn template(session: &Session, stack: &str) -> Result<Value, String> {
    let body = cloudformation::template(session, stack).await.map_err(|error| with_causes(&error))?;
    serde_json::from_str(&body).map_err(|_| "its template is no JSON, which is all that is read here".to_owned())
}

/// What a stack's template takes less what of it is made.
async fn remaining(session: &Session, stack: &str, template: &Result<Value, String>) -> Result<Demand, String> {
    let template = template.as_ref().map_err(Clone::clone)?;
    let resources = cloudformation::resources(session, stack).await.map_err(|error| with_causes(&error))?;
    let made: BTreeSet<String> = resources
        .into_iter()
        .filter(|resource| resource.status.ends_with("_COMPLETE") && resource.status != "DELETE_COMPLETE")
        .map(|resource| resource.logical_id)
        .collect();
    let mut done = template.clone();
    if let Some(resources) = done.get_mut("Resources").and_then(Value::as_object_mut) {
        resources.retain(|id, _| made.contains(id));
    }
    // The stack itself is counted already.
    Ok(count(template).beyond(&count(&done)))
}
