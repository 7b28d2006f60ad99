//! Permissions: what the control plane's roles need for an estate's stacks, held against what they are given.
//!
//! In: rendered templates, the table of resource types, `policies/registry.json` and the rendered control plane. Out: for
//! each role what it lacks and what is superfluous ([`check`]), and policies that allow what is needed and no more
//! ([`generate`]). It knows neither AWS nor where templates come from.

mod generate;
mod registry;
mod statements;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;

pub use generate::{Generated, Names, ROLE_POLICIES, generate};
pub use registry::{Handler, PATH, Registry, RegistryError};
pub use statements::covers;

use crate::resources::{Naming, Table};
use statements::{actions, allows, is_for_all, list, passed_to, texts};

/// What a template names a resource and what it is.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'t> {
    pub id: &'t str,
    pub kind: &'t str,
    pub properties: &'t Value,
}

/// The resources of a rendered template.
pub fn resources(tree: &Value) -> impl Iterator<Item = Resource<'_>> {
    tree["Resources"].as_object().into_iter().flatten().filter_map(|(id, resource)| {
        Some(Resource { id, kind: resource["Type"].as_str()?, properties: &resource["Properties"] })
    })
}

/// One of the control plane's policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The role that CloudFormation takes.
    Stacks,
    /// The most that a role of a stack may do.
    Boundary,
    /// The role of plans, drift, capacity and quotas.
    Read,
    /// The role of deploys, rolls and replays.
    Deploy,
}

impl Subject {
    pub const ALL: [Self; 4] = [Self::Stacks, Self::Boundary, Self::Read, Self::Deploy];

    /// Its logical ID in the control plane's template.
    pub fn id(self) -> &'static str {
        match self {
            Self::Stacks => "StackRole",
            Self::Boundary => "Boundary",
            Self::Read => "ReadRole",
            Self::Deploy => "DeployRole",
        }
    }

    /// The statements that the control plane's template gives it; None where the template has no such resource.
    pub fn statements(self, control_plane: &Value) -> Option<Vec<Value>> {
        let resource = control_plane["Resources"].get(self.id())?;
        let properties = &resource["Properties"];
        let own = match self {
            Self::Boundary => statements::statements(&properties["PolicyDocument"]),
            _ => list(&properties["Policies"])
                .iter()
                .flat_map(|policy| statements::statements(&policy["PolicyDocument"]))
                .collect(),
        };
        let named = |list_of: &Value, id: &str| list(list_of).contains(&serde_json::json!({ "Ref": id }));
        let attached = resources(control_plane)
            .filter(|other| other.kind == "AWS::IAM::ManagedPolicy" && other.id != self.id())
            .filter(|other| {
                named(&other.properties["Roles"], self.id()) || named(&properties["ManagedPolicyArns"], other.id)
            })
            .flat_map(|other| statements::statements(&other.properties["PolicyDocument"]));
        Some(own.into_iter().chain(attached).collect())
    }
}

/// Something that must be allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// `rds:CreateDBInstance`.
    pub action: String,
    /// For `iam:PassRole`: the service that takes the role.
    pub service: Option<String>,
}

impl From<&str> for Permission {
    fn from(action: &str) -> Self {
        Self { action: action.to_owned(), service: None }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{} ({service})", self.action),
            None => f.write_str(&self.action),
        }
    }
}

impl Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Permission {
    fn schema_name() -> Cow<'static, str> {
        "Permission".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An action, `rds:CreateDBInstance`; for `iam:PassRole` with the service that takes the role: `iam:PassRole (ecs-tasks.amazonaws.com)`.",
            "type": "string"
        })
    }
}

/// Who needs a permission: `AWS::RDS::DBInstance create`, `tenantry`, `JobRole`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    pub of: String,
    pub handler: Option<Handler>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of)?;
        self.handler.map_or(Ok(()), |handler| write!(f, " {}", handler.name()))
    }
}

impl Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Cause {
    fn schema_name() -> Cow<'static, str> {
        "Cause".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Who needs a permission: `AWS::RDS::DBInstance create`, `tenantry`, `JobRole`.",
            "type": "string"
        })
    }
}

/// What one of the control plane's policies must allow, and for whom.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    pub permissions: BTreeMap<Permission, BTreeSet<Cause>>,
    /// What nothing is known of: types without handlers, policies that stand elsewhere.
    pub unknown: BTreeSet<String>,
}

impl Needs {
    fn add(&mut self, permission: Permission, cause: Cause) {
        self.permissions.entry(permission).or_default().insert(cause);
    }

    /// Adds actions that the tool itself calls.
    pub fn call<'a>(&mut self, actions: impl IntoIterator<Item = &'a str>) {
        for action in actions {
            self.add(action.into(), Cause { of: "tenantry".to_owned(), handler: None });
        }
    }

    /// Adds what some handlers of resources need. The service-linked roles of their services exist already.
    pub fn handle<'t>(
        &mut self,
        (registry, table): (&Registry, &Table),
        resources: impl IntoIterator<Item = Resource<'t>>,
        handlers: &[Handler],
    ) {
        let mut passes = BTreeSet::new();
        let mut services = BTreeSet::new();
        for resource in resources {
            let (kind, row) = (resource.kind, table.get(resource.kind).map(|(_, row)| row));
            if kind == "AWS::IAM::Role" {
                services.extend(trusted(&resource.properties["AssumeRolePolicyDocument"]));
            }
            for handler in handlers {
                let Some(actions) = registry.needed(kind, row, resource.properties, *handler) else {
                    self.unknown.insert(kind.to_owned());
                    continue;
                };
                let cause = Cause { of: kind.to_owned(), handler: Some(*handler) };
                for action in actions {
                    match action.as_str() {
                        // Some schemas list it for handlers that read, which give no role to anything.
                        "iam:PassRole" if matches!(handler, Handler::Read | Handler::List) => {}
                        "iam:PassRole" => drop(passes.insert(cause.clone())),
                        "iam:CreateServiceLinkedRole" if table.has_linked_role(kind) => {}
                        action => self.add(action.into(), cause.clone()),
                    }
                }
            }
        }
        // Which of the roles a resource is given, and so which service takes it, its properties do not say.
        for service in &services {
            for cause in &passes {
                let permission = Permission { action: "iam:PassRole".to_owned(), service: Some(service.clone()) };
                self.add(permission, cause.clone());
            }
        }
    }

    /// Adds what the policies of roles in a stack allow, which their boundary must.
    pub fn bound<'t>(&mut self, resources: impl IntoIterator<Item = Resource<'t>>) {
        for Resource { id, kind, properties } in resources {
            let documents: Vec<Value> = match kind {
                "AWS::IAM::Role" => {
                    for policy in list(&properties["ManagedPolicyArns"]) {
                        self.unknown.insert(format!("`{id}` has the managed policy {policy}"));
                    }
                    list(&properties["Policies"]).iter().map(|policy| policy["PolicyDocument"].clone()).collect()
                }
                "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" | "AWS::IAM::ManagedPolicy" => {
                    vec![properties["PolicyDocument"].clone()]
                }
                _ => Vec::new(),
            };
            for statement in documents.iter().flat_map(statements::statements).filter(allows) {
                if statement.get("NotAction").is_some() {
                    self.unknown.insert(format!("`{id}` has a policy with `NotAction`"));
                }
                for action in actions(&statement) {
                    self.add(action.as_str().into(), Cause { of: id.to_owned(), handler: None });
                }
            }
        }
    }
}

/// The services that a trust policy lets assume its role.
fn trusted(document: &Value) -> Vec<String> {
    let statements = statements::statements(document);
    statements.iter().flat_map(|statement| texts(&statement["Principal"]["Service"])).collect()
}

/// A pattern that allows more than is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Wide {
    /// Action pattern with a wildcard, as in the policy.
    pub pattern: String,
    /// How many actions of `policies/registry.json` it allows.
    pub allows: usize,
    /// How many of these actions are needed.
    pub needed: usize,
}

/// One policy of the control plane, compared with the needed permissions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Checked {
    /// Logical ID in the control plane's template.
    pub subject: &'static str,
    /// Permissions by type and handler: one that two handlers need counts twice.
    pub needed: usize,
    /// How many of the needed permissions the policy allows.
    pub granted: usize,
    /// Number of distinct permissions that are needed.
    pub permissions: usize,
    /// Needed permissions that the policy does not allow, with what needs them.
    pub lacking: Vec<(Permission, Vec<String>)>,
    /// Allowed actions that nothing needs.
    pub superfluous: Vec<String>,
    /// Wildcards that allow more than the needed actions.
    pub wide: Vec<Wide>,
    /// What could not be checked.
    pub unknown: BTreeSet<String>,
    /// Counts by what needs the permissions: a resource type's handler, the tool itself, a role of a stack.
    pub causes: BTreeMap<Cause, Count>,
}

/// Number of needed and of allowed permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Count {
    /// Needed permissions.
    pub needed: usize,
    /// Needed permissions that the policy allows.
    pub granted: usize,
}

/// Holds statements against what is needed.
pub fn check(registry: &Registry, subject: Subject, own: &[Value], needs: &Needs) -> Checked {
    let mut checked = Checked {
        subject: subject.id(),
        needed: 0,
        granted: 0,
        permissions: needs.permissions.len(),
        lacking: Vec::new(),
        superfluous: Vec::new(),
        wide: Vec::new(),
        unknown: needs.unknown.clone(),
        causes: BTreeMap::new(),
    };
    for (permission, causes) in &needs.permissions {
        let granted = own.iter().any(|statement| grants(registry, subject, statement, permission));
        checked.needed += causes.len();
        for cause in causes {
            let count = checked.causes.entry(cause.clone()).or_default();
            count.needed += 1;
            count.granted += usize::from(granted);
        }
        if granted {
            checked.granted += causes.len();
        } else {
            checked.lacking.push((permission.clone(), causes.iter().map(ToString::to_string).collect()));
        }
    }
    let (mut superfluous, mut wide) = (BTreeSet::new(), BTreeSet::new());
    for statement in own.iter().filter(|statement| allows(statement)) {
        for pattern in actions(statement) {
            let used = needs
                .permissions
                .keys()
                .filter(|need| covers(&pattern, &need.action) && grants(registry, subject, statement, need));
            let needed = used.map(|need| &need.action).collect::<BTreeSet<_>>().len();
            if needed == 0 {
                superfluous.insert(pattern);
            } else if pattern.contains('*') {
                let known = registry.covered(&pattern).count();
                if known > needed {
                    wide.insert(Wide { pattern, allows: known, needed });
                }
            }
        }
        let services = passed_to(statement).unwrap_or_default().into_iter();
        superfluous.extend(
            services.filter(|_| actions(statement).iter().any(|one| covers(one, "iam:PassRole"))).filter_map(
                |service| {
                    let permission = Permission { action: "iam:PassRole".to_owned(), service: Some(service) };
                    let tool = Permission::from("iam:PassRole");
                    (!needs.permissions.contains_key(&permission) && !needs.permissions.contains_key(&tool))
                        .then(|| permission.to_string())
                },
            ),
        );
    }
    checked.superfluous = superfluous.into_iter().collect();
    checked.wide = wide.into_iter().collect();
    checked
}

/// Whether a statement allows something for the resources it is for. A boundary only names actions; another policy must
/// allow an action that takes no resource for all of them.
fn grants(registry: &Registry, subject: Subject, statement: &Value, need: &Permission) -> bool {
    allows(statement)
        && actions(statement).iter().any(|pattern| covers(pattern, &need.action))
        && (subject == Subject::Boundary || registry.takes_resource(&need.action) || is_for_all(statement))
        && need.service.as_ref().is_none_or(|service| {
            passed_to(statement).is_none_or(|services| services.iter().any(|one| one == service || one == "*"))
        })
}

/// The property that names resources of a type whose name is its own in an account or Region.
fn own_name(naming: &Naming) -> Option<&str> {
    let own = !naming.shared && !matches!(naming.scope, crate::resources::Scope::Parent(_));
    own.then_some(naming.property.as_str())
}
