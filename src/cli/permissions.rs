//! `tenantry permissions`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::opened::{self, Opened};
use super::{Exit, Failure, Global, Output};
use crate::report::permissions as report;
use crate::report::screen::Screen;
use tenantry_aws::cloud::permissions::CALLS;
use tenantry_checks::permissions::{
    self, Checked, Handler, Names, Needs, ROLE_POLICIES, Registry, Resource, Subject, check, generate,
};
use tenantry_checks::resources;
use tenantry_ops::deploy::stacks;
use tenantry_spec::estate::Tenant;
use tenantry_template::embedded;
use tenantry_template::render::tags;

/// What CloudFormation does with a stack's resources.
const CHANGING: [Handler; 4] = [Handler::Create, Handler::Read, Handler::Update, Handler::Delete];
/// What drift detection and Cloud Control do.
const READING: [Handler; 2] = [Handler::Read, Handler::List];
/// A sink in place of the central account's, so that the control planes of all other accounts have their links.
const ANY_SINK: &str = "arn:aws:oam:eu-west-1:111122223333:sink/00000000-0000-0000-0000-000000000000";

/// Print the policies that the control plane's roles need for the estate's templates, or compare with those they have.
///
/// Renders every tenant and control plane, and takes from CloudFormation's registry what the handlers of their types
/// need. Statements of the control plane's template keep their resources and conditions; their actions are reduced to
/// those that are needed, and missing ones are added. The answer is resources of a CloudFormation template: managed
/// policies that attach themselves to the roles, each within IAM's limit. Needs no credentials and no network.
///
/// With `--check`, superfluous permissions are listed and do not count.
///
/// Exit code 0: no role lacks a permission; 2: with `--check`, a role lacks one; 4: the permissions of a type are
/// unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry permissions
  tenantry permissions --check --full")]
pub(super) struct Args {
    /// Compare the roles of the control plane's template with what is needed, by type and handler.
    #[arg(long)]
    check: bool,

    /// With `--check`, print the counts for each resource type and handler too.
    #[arg(long, requires = "check")]
    full: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Policies {
    /// CloudFormation resources with the generated policies, by logical ID.
    #[serde(rename = "Resources")]
    resources: Map<String, Value>,
    /// Resource types whose permissions are unknown, because the registry has no handlers for them.
    unknown: BTreeSet<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Comparison {
    /// One entry per policy of the control plane.
    roles: Vec<Checked>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let registry = Registry::parse(&embedded::table(&global.estate, "registry.json")?)?;
    let (tenants, control_planes) = (tenants(&opened)?, control_planes(&opened)?);
    let with_roles = control_planes.iter().find(|tree| tree["Resources"].get(Subject::Stacks.id()).is_some());
    let Some(own) = with_roles else {
        return Err(Failure::new("no account of the fleet has a role in its control plane")
            .with_hint("name one with `role` in `tenants/fleet.yaml`"));
    };
    let output = Output::new(global.output);
    let subjects = Subject::ALL.into_iter().filter_map(|subject| Some((subject, subject.statements(own)?)));
    let needs = |subject| needs(&registry, subject, &tenants, &control_planes);
    if args.check {
        let roles = subjects.map(|(subject, own)| check(&registry, subject, &own, &needs(subject))).collect();
        let comparison = Comparison { roles };
        output.show(&comparison, |one| {
            let screen = Screen::current();
            let by_type = if args.full { report::by_type(&one.roles, screen) } else { String::new() };
            report::text(&one.roles, screen) + &by_type
        })?;
        let exit = |role: &Checked| match role {
            role if !role.unknown.is_empty() => Exit::Incomplete,
            role if !role.lacking.is_empty() => Exit::Changes,
            _ => Exit::Clean,
        };
        return Ok(comparison.roles.iter().map(exit).max().unwrap_or(Exit::Clean));
    }
    let names = Names::of(resources::table(), &opened.estate.fleet.organisation, all(&tenants));
    let mut policies = Policies { resources: Map::new(), unknown: BTreeSet::new() };
    for (subject, own) in subjects {
        let needs = needs(subject);
        let generated = generate(&registry, subject, &own, &needs, &names);
        if !generated.fits() {
            return Err(too_many(subject, generated.documents.len()));
        }
        policies.resources.extend(generated.resources());
        policies.unknown.extend(needs.unknown);
    }
    let yaml = tags::yaml(&Value::Object(policies.resources.clone()))?;
    output.show(&policies, |policies| {
        let indented = yaml.lines().map(|line| format!("  {line}\n"));
        format!("Resources:\n{}{}", indented.collect::<String>(), report::unknown(&policies.unknown))
    })?;
    Ok(if policies.unknown.is_empty() { Exit::Clean } else { Exit::Incomplete })
}

fn too_many(subject: Subject, count: usize) -> Failure {
    let id = subject.id();
    match subject {
        Subject::Boundary => {
            Failure::new(format!("`{id}` needs {count} managed policies, and a role has one boundary"))
                .with_hint("allow groups of actions (`s3:Get*`) in the roles of the tenants' template")
        }
        _ => Failure::new(format!("`{id}` needs {count} managed policies, and a role takes {ROLE_POLICIES}"))
            .with_hint("allow groups of actions (`ec2:Describe*`) in the control plane's template"),
    }
}

/// What a role or the boundary must allow.
fn needs(registry: &Registry, subject: Subject, tenants: &[Value], control_planes: &[Value]) -> Needs {
    let mut needs = Needs::default();
    let tables = (registry, resources::table());
    match subject {
        Subject::Stacks => needs.handle(tables, all(tenants), &CHANGING),
        Subject::Boundary => needs.bound(all(tenants)),
        Subject::Read | Subject::Deploy => {
            needs.handle(tables, all(tenants).chain(all(control_planes)), &READING);
            let calls = CALLS.iter().filter(|call| if subject == Subject::Read { call.reads } else { call.deploys });
            needs.call(calls.map(|call| call.action));
        }
    }
    needs
}

fn all(trees: &[Value]) -> impl Iterator<Item = Resource<'_>> {
    trees.iter().flat_map(permissions::resources)
}

/// One template of each form: those of a form differ in values only.
fn tenants(opened: &Opened) -> Result<Vec<Value>, Failure> {
    let tenants: Vec<&Tenant> = opened.estate.tenants.values().collect();
    let rendered = opened.render(&tenants, tenantry_ops::release::name::UNRELEASED)?;
    let mut forms = BTreeSet::new();
    let first = rendered.iter().filter(|one| forms.insert(Arc::as_ptr(&one.template.form)));
    Ok(first.map(|one| one.template.tree()).collect())
}

fn control_planes(opened: &Opened) -> Result<Vec<Value>, Failure> {
    let fleet = &opened.estate.fleet;
    let sinks: BTreeMap<_, _> = fleet.regions.keys().map(|region| (region.clone(), ANY_SINK.to_owned())).collect();
    let stacks =
        stacks::rendered_control_planes(&opened.renderer, fleet, &sinks, tenantry_ops::release::name::UNRELEASED)
            .map_err(|found| opened::refused(&found, "the control plane's template"))?;
    Ok(stacks.iter().map(|(_, template)| template.tree()).collect())
}
