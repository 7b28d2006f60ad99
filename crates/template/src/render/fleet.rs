//! Tenants to templates: derived, laid out and filled into their forms, in parallel.

use rayon::prelude::*;
use serde_json::Map;

use super::{Context, Functions, Renderer, Template, TenantStack};
use tenantry_base::finding::{Code, Finding, Severity};
use tenantry_base::ids::ZoneId;
use tenantry_blueprint::{Facts, Inputs, Layout};
use tenantry_spec::estate::spec::{EniModel, Nat};
use tenantry_spec::estate::{Estate, Tenant};

/// One tenant with its template.
#[derive(Debug, Clone)]
pub struct RenderedTenant<'e> {
    pub tenant: &'e Tenant,
    pub layout: Layout,
    pub template: Template,
    /// What the blueprint warns of, and names in the templates that nothing defines.
    pub warnings: Vec<Finding>,
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
/// As [`prepare`], and everything that is wrong with the template of its shape.
pub fn render_tenant<'e>(
    renderer: &Renderer,
    estate: &'e Estate,
    functions: &Functions,
    release: &str,
    tenant: &'e Tenant,
) -> Result<RenderedTenant<'e>, Vec<Finding>> {
    let Prepared { context, layout, mut warnings } = prepare(estate, functions, release, tenant)?;
    let named = |finding: Finding| finding.with_tenant(tenant.name.as_str());
    let template = renderer.render(&context).map_err(|findings| findings.into_iter().map(named).collect::<Vec<_>>())?;
    warnings.extend(template.form.undefined.iter().cloned().map(named));
    Ok(RenderedTenant { tenant, layout, template, warnings })
}

/// What a tenant's template is rendered from.
#[derive(Debug)]
pub struct Prepared {
    pub context: Context,
    pub layout: Layout,
    /// What the blueprint warns of.
    pub warnings: Vec<Finding>,
}

/// Derives a tenant's values and lays its subnets out.
///
/// # Errors
/// A derived value that a formula does not have for this tenant (TN6015, TN6016), a check of the blueprint that fails, TN1021
/// when its subnets do not fit.
pub fn prepare(
    estate: &Estate,
    functions: &Functions,
    release: &str,
    tenant: &Tenant,
) -> Result<Prepared, Vec<Finding>> {
    let named = |finding: Finding| finding.with_tenant(tenant.name.as_str());
    let blueprint = &estate.blueprint;
    let zones = zones(estate, tenant);
    let inputs = inputs(estate, tenant, functions);
    let derived = blueprint.evaluate(&inputs);
    // What has no value is reported at its formula, what a check finds at the tenant's field.
    let checks = derived.checks(&|field| Some(tenant.locate_blamed(field)));
    let findings = derived.findings().into_iter().chain(checks).map(named);
    let (errors, warnings): (Vec<Finding>, Vec<Finding>) =
        findings.partition(|finding| finding.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(errors);
    }
    let layout = blueprint.lay_out(&derived, &inputs, tenant.spec.network.cidr, zones.len()).map_err(|error| {
        vec![named(Finding::new(Code::TN1021, error.to_string()).at(tenant.locate(&error.route())))]
    })?;
    let stack =
        TenantStack { estate, tenant, inputs: &inputs, derived: &derived, layout: &layout, zones, functions, release };
    let context = Context::tenant(stack);
    Ok(Prepared { context, layout, warnings })
}

/// The zones that a tenant's stack stands in: as many of its Region's as it asks for.
fn zones<'e>(estate: &'e Estate, tenant: &Tenant) -> &'e [ZoneId] {
    let usable =
        estate.fleet.regions.get(&tenant.spec.region).map(|region| region.zones.as_slice()).unwrap_or_default();
    &usable[..usable.len().min(usize::from(tenant.spec.network.zones))]
}

/// What the blueprint's formulas see of a tenant.
pub fn inputs(estate: &Estate, tenant: &Tenant, functions: &Functions) -> Inputs {
    let (spec, blueprint) = (&tenant.spec, &estate.blueprint);
    let none = Map::new();
    let given = estate.fleet.regions.get(&spec.region).map_or(&none, |region| &region.facts);
    let facts = Facts {
        zones: zones(estate, tenant).len(),
        network_zones: usize::from(spec.network.zones),
        nat: match spec.network.nat {
            Nat::PerZone => "per-zone",
            Nat::Single => "single",
        },
        eni_model: match spec.network.eni_model {
            EniModel::Hyperplane => "hyperplane",
            EniModel::PerExecution => "per-execution",
        },
        region: spec.region.as_str(),
        partition: spec.region.partition(),
        architecture: &functions.architecture,
        region_facts: &blueprint.region_facts(given),
    };
    blueprint.inputs(&spec.parameters, &facts)
}
