//! Which tenants are offboarded, as `fleet.yaml` keeps it: whatever their templates retain.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::change_sets::ChangeSetKind;
use tenantry_base::files;
use tenantry_base::finding::Source;
use tenantry_base::ids::TenantName;
use tenantry_ops::deploy::{Action, Plan};
use tenantry_spec::estate::edit;
use tenantry_spec::estate::spec::{Fleet, Offboarded};

/// Writes down that a tenant's stack is destroyed in a place; gives whether that was not known.
pub(super) fn mark(root: &Path, fleet: &Fleet, tenant: &TenantName, place: &Place) -> Result<bool, Failure> {
    let was = Offboarded { account: place.account.clone(), region: place.region.clone() };
    if fleet.offboarded.get(tenant) == Some(&was) {
        return Ok(false);
    }
    let source = source(root)?;
    let text = edit::set(&source, &format!("offboarded.{tenant}"), &serde_json::to_value(was)?)?;
    super::write_file(&root.join(&source.path), &text)?;
    Ok(true)
}

/// Removes the tenant of this name, which begins anew, and says so.
pub(super) fn unmark(root: &Path, fleet: &Fleet, tenant: &TenantName) -> Result<(), Failure> {
    if !fleet.offboarded.contains_key(tenant) {
        return Ok(());
    }
    let source = source(root)?;
    let text = edit::unset(&source, &format!("offboarded.{tenant}"))?;
    super::write_file(&root.join(&source.path), &text)?;
    anstream::eprintln!("{tenant} is no longer offboarded in {}", source.path.display());
    Ok(())
}

/// Removes the tenants whose stacks a plan makes again.
pub(super) fn unmark_those_of(root: &Path, fleet: &Fleet, plan: &Plan) -> Result<(), Failure> {
    let makes =
        |action: &Action| matches!(action, Action::Apply { makes: ChangeSetKind::Create | ChangeSetKind::Import, .. });
    let made =
        |tenant: &TenantName| plan.stacks.iter().any(|stack| stack.tenant == tenant.as_str() && makes(&stack.action));
    fleet.offboarded.keys().filter(|tenant| made(tenant)).try_for_each(|tenant| unmark(root, fleet, tenant))
}

/// `fleet.yaml` as it is now.
pub(super) fn source(root: &Path) -> Result<Arc<Source>, Failure> {
    let path = Path::new("tenants/fleet.yaml");
    Ok(Arc::new(Source { path: path.to_owned(), text: files::read_to_string(&root.join(path))? }))
}
