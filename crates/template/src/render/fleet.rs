//! Tenants to templates: sized, laid out and filled into their forms, in parallel.

use rayon::prelude::*;

use super::{Context, Functions, Renderer, Template, TenantStack};
use crate::network::{NetworkPlan, lay_out};
use crate::sizing::{Overrun, Sizing, overruns, shards, size};
use tenantry_base::finding::{Code, Finding};
use tenantry_spec::estate::{Estate, Tenant};

/// One tenant with everything that was derived for it.
#[derive(Debug, Clone)]
pub struct RenderedTenant<'e> {
    pub tenant: &'e Tenant,
    pub sizing: Sizing,
    pub network: NetworkPlan,
    pub template: Template,
}

/// Renders tenants for a release, in the order given. What is wrong with one tenant says nothing about the others.
pub fn render_fleet<'e>(
    renderer: &Renderer,
    estate: &'e Estate,
    functions: &Functions,
    release: &str,
    tenants: &[&'e Tenant],
) -> Vec<Result<RenderedTenant<'e>, Vec<Finding>>> {
    tenants.par_iter().map(|tenant| render_tenant(renderer, estate, functions, release, tenant)).collect()
}

/// Renders one tenant for a release.
///
/// # Errors
/// TN1021 when its subnets do not fit; TN2001 when a function cannot end its work; TN2002 when the search
/// domain would hold more shards than it takes; TN3011 when the functions' layer is
/// for another architecture; everything that is wrong with the template of its shape.
pub fn render_tenant<'e>(
    renderer: &Renderer,
    estate: &'e Estate,
    functions: &Functions,
    release: &str,
    tenant: &'e Tenant,
) -> Result<RenderedTenant<'e>, Vec<Finding>> {
    let named = |finding: Finding| finding.with_tenant(tenant.name.as_str());
    let zones = estate.fleet.regions.get(&tenant.spec.region).map_or(&[][..], |region| &region.zones);
    let zones = &zones[..zones.len().min(usize::from(tenant.spec.network.zones))];
    let sizing = size(&tenant.spec, zones.len());
    let overruns = overruns(&tenant.spec, &sizing).into_iter().map(|overrun| (Code("TN2001"), overrun));
    let overruns: Vec<(Code, Overrun)> =
        overruns.chain(shards(&sizing).map(|overrun| (Code("TN2002"), overrun))).collect();
    if !overruns.is_empty() {
        let finding = |(code, overrun): (Code, Overrun)| {
            named(Finding::new(code, overrun.message).at(tenant.locate(overrun.route)))
        };
        return Err(overruns.into_iter().map(finding).collect());
    }
    if let Some(finding) = foreign_extension(estate, functions, tenant) {
        return Err(vec![named(finding)]);
    }
    let network = lay_out(&tenant.spec, &sizing, zones).map_err(|error| {
        vec![named(Finding::new(Code("TN1021"), error.to_string()).at(tenant.locate(error.route())))]
    })?;
    let stack = TenantStack { estate, tenant, sizing: &sizing, network: &network, functions, release };
    let template = renderer
        .render(&Context::tenant(stack))
        .map_err(|findings| findings.into_iter().map(named).collect::<Vec<_>>())?;
    Ok(RenderedTenant { tenant, sizing, network, template })
}

/// A layer of the AppConfig extension that the functions cannot load. Its name ends in `-Arm64` for arm64 (AWS AppConfig
/// User Guide, "Available versions of the AWS AppConfig Agent Lambda extension").
fn foreign_extension(estate: &Estate, functions: &Functions, tenant: &Tenant) -> Option<Finding> {
    let region = &tenant.spec.region;
    let layer = estate.fleet.regions.get(region)?.appconfig_extension.as_ref()?;
    let (of_layer, of_functions) = (layer.contains("-Arm64:"), functions.architecture == "arm64");
    let message = || format!("the layer of region `{region}` is not for `{}`: `{layer}`", functions.architecture);
    let place = tenant.locate_in_fleet(&format!("regions.{region}.appconfig_extension"));
    (of_layer != of_functions).then(|| Finding::new(Code("TN3011"), message()).at(place))
}
