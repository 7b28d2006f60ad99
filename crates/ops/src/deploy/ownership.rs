//! Whose a stack is: its tags against those that this estate gives.
//!
//! A name proves nothing: two teams can choose the same. A stack belongs to an estate when its tags name the estate, by
//! organisation and id, and the tenant. Version 0.1.0 wrote no id; such a stack is claimed by the next deploy, which
//! shows that it does.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::desired::{ESTATE_ID_TAG, ESTATE_TAG, TENANT_TAG};
use super::retry::{PAUSE, with_retries};
use super::{Baseline, Desired};
use tenantry_aws::cloud::cloudformation::{self, Stack};
use tenantry_aws::cloud::{CallError, Session, may_pass};
use tenantry_template::render::names;

/// The tenant tag of a control plane's stack.
pub const CONTROL_PLANE_TAG: &str = "control-plane";

/// Whose a stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    Ours,
    /// Tagged by 0.1.0: organisation and tenant are right, there is no estate id.
    WithoutId,
    /// Not owned by this estate; a sentence says why.
    Other(String),
}

/// A change of ownership by the deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Claim {
    /// The stack has the tags of 0.1.0; the deploy adds the estate ID.
    Id,
    /// `--adopt` named the stack, which this estate does not own.
    Adopted {
        /// Why the stack does not belong to this estate.
        why: String,
    },
}

/// Compares a stack's tags with the identity tags that it should have.
pub fn of_tags(tags: &BTreeMap<String, String>, identity: &BTreeMap<String, String>) -> Ownership {
    let reported = |key: &str| tags.get(key).map(String::as_str);
    let wanted = |key: &str| identity.get(key).map_or("", String::as_str);
    let other = |why: String| Ownership::Other(why);
    match (reported(ESTATE_TAG), reported(TENANT_TAG), reported(ESTATE_ID_TAG)) {
        (None, ..) => other(format!("it has no tag `{ESTATE_TAG}`")),
        (Some(estate), ..) if estate != wanted(ESTATE_TAG) => {
            other(format!("its tag `{ESTATE_TAG}` names organisation `{estate}`"))
        }
        (_, _, Some(id)) if id != wanted(ESTATE_ID_TAG) => {
            other(format!("its tag `{ESTATE_ID_TAG}` names another estate, `{id}`"))
        }
        (_, tenant, _) if tenant != Some(wanted(TENANT_TAG)) => match tenant {
            Some(tenant) => other(format!("its tag `{TENANT_TAG}` names tenant `{tenant}`")),
            None => other(format!("it has no tag `{TENANT_TAG}`")),
        },
        (_, _, None) => Ownership::WithoutId,
        (_, _, Some(_)) => Ownership::Ours,
    }
}

/// Whether tags are of some stack of the estate with this identity, whichever tenant's.
pub fn is_of_estate(tags: &BTreeMap<String, String>, identity: &BTreeMap<String, String>) -> bool {
    let mut identity = identity.clone();
    match tags.get(TENANT_TAG) {
        Some(tenant) => identity.insert(TENANT_TAG.to_owned(), tenant.clone()),
        None => return false,
    };
    !matches!(of_tags(tags, &identity), Ownership::Other(_))
}

/// Why a stack may not be touched.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    #[error("stack `{stack}` is not owned by this estate: {why}")]
    NotOurs { stack: String, why: String },
    #[error("stack `{stack}` cannot be read")]
    Call {
        stack: String,
        #[source]
        source: CallError,
    },
}

/// The stack of a name, if there is one and it is this estate's.
///
/// # Errors
/// Its tags are not these, or the call failed; failures that may pass are tried again first.
pub async fn owned(
    session: &Session,
    stack: &str,
    identity: &BTreeMap<String, String>,
) -> Result<Option<Stack>, OwnershipError> {
    let live = with_retries(PAUSE, may_pass, async || cloudformation::stack(session, stack).await).await;
    let live = live.map_err(|source| OwnershipError::Call { stack: stack.to_owned(), source })?;
    match live.as_ref().and_then(|live| not_ours(live, identity)) {
        Some(why) => Err(OwnershipError::NotOurs { stack: stack.to_owned(), why }),
        None => Ok(live),
    }
}

/// Why a stack is not owned by the estate and tenant of this identity; None where it is, or has no owner.
pub fn not_ours(stack: &Stack, identity: &BTreeMap<String, String>) -> Option<String> {
    match has_owner(stack).then(|| of_tags(&stack.tags, identity)) {
        Some(Ownership::Other(why)) => Some(why),
        _ => None,
    }
}

/// What a plan does about the ownership of one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// The stack is ours, or there is none.
    Go,
    Claim(Claim),
    Blocked {
        why: String,
        remedy: String,
    },
}

/// Decides whether a stack may be changed. `live` are all stacks of the place; `adopt` names those that a person takes
/// over.
pub(super) fn decide(desired: &Desired, live: &BTreeMap<String, Stack>, adopt: &BTreeSet<String>) -> Decision {
    if let Some(blocked) = control_plane(desired, live) {
        return blocked;
    }
    let Some(stack) = live.get(&desired.stack).filter(|stack| has_owner(stack)) else { return Decision::Go };
    match of_tags(&stack.tags, &desired.tags) {
        Ownership::Ours => Decision::Go,
        Ownership::WithoutId => Decision::Claim(Claim::Id),
        Ownership::Other(why) if adopt.contains(&desired.stack) => Decision::Claim(Claim::Adopted { why }),
        Ownership::Other(why) => Decision::Blocked {
            why: format!("stack `{}` is not owned by this estate: {why}", desired.stack),
            remedy: remedy(&stack.tags, desired),
        },
    }
}

/// A stack that was deleted has no owner, and neither has a shell that a change set without tags left.
pub fn has_owner(stack: &Stack) -> bool {
    Baseline::of(Some(stack)).status.is_some() || stack.tags.contains_key(ESTATE_TAG)
}

/// A tenant's stack uses the buckets, roles and destinations of the control plane beside it: they must be this estate's.
fn control_plane(desired: &Desired, live: &BTreeMap<String, Stack>) -> Option<Decision> {
    desired.artifacts.as_ref()?;
    let organisation = desired.tags.get(ESTATE_TAG)?;
    let name = names::control_plane_stack(organisation);
    let stack = live.get(&name).filter(|stack| has_owner(stack))?;
    let mut identity = desired.tags.clone();
    identity.insert(TENANT_TAG.to_owned(), CONTROL_PLANE_TAG.to_owned());
    match of_tags(&stack.tags, &identity) {
        Ownership::Ours | Ownership::WithoutId => outdated(desired, stack),
        Ownership::Other(why) => Some(Decision::Blocked {
            why: format!("control plane `{name}` of this account and region is not owned by this estate: {why}"),
            remedy: remedy(&stack.tags, desired),
        }),
    }
}

/// Output of a control plane with the version of what it offers.
const VERSION_OUTPUT: &str = "TenantryControlPlane";

/// A control plane that lacks what the stack relies on: the stack would fail half-way, at a permission or a bucket.
fn outdated(desired: &Desired, control_plane: &Stack) -> Option<Decision> {
    let version = control_plane_version(control_plane);
    (version < desired.control_plane).then(|| Decision::Blocked {
        why: format!(
            "control plane outdated: `{}` of this account and region is version {version}, this release needs {}",
            control_plane.name, desired.control_plane
        ),
        remedy: "run `tenantry bootstrap`".to_owned(),
    })
}

/// The version of what a control plane offers; 1 for one without the output.
pub fn control_plane_version(stack: &Stack) -> u64 {
    stack.outputs.get(VERSION_OUTPUT).and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn remedy(tags: &BTreeMap<String, String>, desired: &Desired) -> String {
    let same = |key: &str| tags.get(key) == desired.tags.get(key);
    match tags.get(ESTATE_ID_TAG) {
        Some(id) if same(ESTATE_TAG) && !same(ESTATE_ID_TAG) => format!(
            "if it is the same estate, set `estate_id: {id}` in tenants/fleet.yaml; else give one of the two estates \
             another organisation, or the tenant another account"
        ),
        _ => format!(
            "rename the tenant; or take the stack over with `--adopt {}`, and name each resource that it loses with \
             `--allow-replace`",
            desired.stack
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_organisation_id_and_tenant_together_make_a_stack_ours() {
        let identity = Desired::identity("org", "one", "acme");
        let other = |pairs: &[(&str, &str)]| match of_tags(&tags(pairs), &identity) {
            Ownership::Other(why) => why,
            ours => panic!("{ours:?}"),
        };
        assert_eq!(of_tags(&identity, &identity), Ownership::Ours);
        let old = [(ESTATE_TAG, "org"), (TENANT_TAG, "acme")];
        assert_eq!(of_tags(&tags(&old), &identity), Ownership::WithoutId);
        assert_eq!(other(&[]), "it has no tag `tenantry:estate`");
        assert_eq!(other(&[("owner", "sales")]), "it has no tag `tenantry:estate`");
        assert!(other(&[(ESTATE_TAG, "orgs"), (TENANT_TAG, "acme"), (ESTATE_ID_TAG, "one")]).contains("`orgs`"));
        assert!(other(&[(ESTATE_TAG, "org"), (TENANT_TAG, "acme"), (ESTATE_ID_TAG, "two")]).contains("`two`"));
        assert!(other(&[(ESTATE_TAG, "org"), (TENANT_TAG, "bolt"), (ESTATE_ID_TAG, "one")]).contains("`bolt`"));
        assert!(other(&[(ESTATE_TAG, "org"), (ESTATE_ID_TAG, "one")]).contains("no tag `tenantry:tenant`"));
    }

    #[test]
    fn a_stack_is_of_the_estate_whichever_tenant_it_names() {
        let identity = Desired::identity("org", "one", "acme");
        assert!(is_of_estate(&Desired::identity("org", "one", "bolt"), &identity));
        assert!(is_of_estate(&tags(&[(ESTATE_TAG, "org"), (TENANT_TAG, "gone")]), &identity));
        assert!(!is_of_estate(&Desired::identity("org", "two", "bolt"), &identity));
        assert!(!is_of_estate(&tags(&[(ESTATE_TAG, "org")]), &identity));
    }
}
