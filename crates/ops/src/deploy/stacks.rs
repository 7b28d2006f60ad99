//! From rendered templates to what their stacks should be.

use std::collections::BTreeMap;
use std::path::Path;

use super::ownership::CONTROL_PLANE_TAG;
use super::{Desired, Upload, UploadContent};
use tenantry_aws::cloud::{Access, Place};
use tenantry_base::finding::Finding;
use tenantry_base::ids::{AccountId, Region};
use tenantry_spec::estate::spec::{ControlPlane, Fleet};
use tenantry_spec::estate::{Estate, Tenant};
use tenantry_template::render::{Artifact, Context, Functions, Renderer, Template, names};

/// The name that the control plane has among tenants; no tenant can bear it.
pub const CONTROL_PLANE: &str = "(control plane)";

/// A tenant's stack; the functions' zips lie in `zips` as `<sha256>.zip`.
pub fn tenant(
    estate: &Estate,
    tenant: &Tenant,
    template: &Template,
    functions: &Functions,
    zips: &Path,
    release: &str,
) -> Desired {
    let (organisation, spec) = (&estate.fleet.organisation, &tenant.spec);
    let zip = |(name, artifact): (&String, &Artifact)| Upload {
        name: format!("function {name}"),
        key: artifact.key(),
        content: UploadContent::File(super::zips::path(zips, artifact)),
    };
    let body = template.body();
    let files = tenant.files.iter().map(|(field, file)| Upload {
        name: format!("file {field}"),
        key: file.key(),
        content: UploadContent::Text(file.text().to_owned()),
    });
    // A template names its files by their keys, that of an earlier release others than today's.
    let files = files.filter(|upload| body.contains(&upload.key));
    let mut tags = spec.tags.clone();
    // The schema keeps the company's own tags apart from these.
    tags.extend(Desired::identity(organisation, &estate.fleet.identity(), tenant.name.as_str()));
    let uploads = files.chain(functions.artifacts.iter().map(zip)).collect();
    Desired {
        tenant: tenant.name.to_string(),
        ring: Some(spec.ring.to_string()),
        place: Place { account: spec.account.clone(), region: spec.region.clone() },
        access: access(&estate.fleet, &spec.account),
        stack: names::stack(organisation, tenant.name.as_str()),
        body,
        digest: template.digest.clone(),
        release: release.to_owned(),
        tags,
        artifacts: Some(names::artifacts_bucket(organisation, &spec.account, &spec.region)),
        uploads,
        offboarded: is_offboarded(&estate.fleet, tenant),
        control_plane: template.control_plane(),
        rollback_triggers: estate.blueprint.watch.triggers().to_vec(),
    }
}

/// Whether a tenant's stack was destroyed where the tenant is: `destroy` writes that down.
pub fn is_offboarded(fleet: &Fleet, tenant: &Tenant) -> bool {
    let spec = &tenant.spec;
    let was = fleet.offboarded.get(&tenant.name);
    was.is_some_and(|was| was.account == spec.account && was.region == spec.region)
}

/// The control plane's stacks, one for each account and region of the fleet. Those of the central account, on which the
/// others stand, come first and must be applied before them; `sinks` are the ARNs of their observability sinks by
/// region, as far as they are known.
pub fn control_planes(
    renderer: &Renderer,
    fleet: &Fleet,
    sinks: &BTreeMap<Region, String>,
    release: &str,
) -> Result<Vec<Desired>, Vec<Finding>> {
    Ok(rendered_control_planes(renderer, fleet, sinks, release)?.into_iter().map(|(desired, _)| desired).collect())
}

/// As [`control_planes`], each with its template.
///
/// # Errors
/// Everything that is wrong with the template.
pub fn rendered_control_planes(
    renderer: &Renderer,
    fleet: &Fleet,
    sinks: &BTreeMap<Region, String>,
    release: &str,
) -> Result<Vec<(Desired, Template)>, Vec<Finding>> {
    let mut stacks = Vec::new();
    for account in fleet.accounts.keys() {
        for region in fleet.regions.keys() {
            let sink = sinks.get(region).map(String::as_str);
            let template = renderer.render(&Context::control_plane(fleet, account, region, sink, release))?;
            let desired = Desired {
                tenant: CONTROL_PLANE.to_owned(),
                ring: None,
                place: Place { account: account.clone(), region: region.clone() },
                // The role that tenants are deployed with is made here, so it cannot be assumed yet.
                access: Access::default(),
                stack: names::control_plane_stack(&fleet.organisation),
                body: template.body(),
                digest: template.digest.clone(),
                release: release.to_owned(),
                tags: Desired::identity(&fleet.organisation, &fleet.identity(), CONTROL_PLANE_TAG),
                artifacts: None,
                uploads: Vec::new(),
                offboarded: false,
                control_plane: 0,
                rollback_triggers: Vec::new(),
            };
            stacks.push((desired, template));
        }
    }
    let central = &fleet.control_plane;
    stacks.sort_by_key(|(stack, _)| {
        let place = &stack.place;
        let home = place.account == central.account;
        (!(home && place.region == central.region), !home, place.clone())
    });
    Ok(stacks)
}

/// Where the control plane's central parts are.
pub fn central(fleet: &Fleet) -> Place {
    let ControlPlane { account, region } = &fleet.control_plane;
    Place { account: account.clone(), region: region.clone() }
}

/// How an account of the fleet is entered.
pub fn access(fleet: &Fleet, account: &AccountId) -> Access {
    let own = fleet.accounts.get(account);
    Access {
        role: own.and_then(|account| account.role.as_ref()).map(ToString::to_string),
        external_id: own.and_then(|account| account.external_id.as_ref()).map(ToString::to_string),
    }
}
