//! What a first deploy needs of its accounts: roles, the control plane, service-linked roles, hosted zones, prefix lists and
//! layers.
//!
//! In: the templates of tenants, and how their accounts are entered. Out: a [`Check`] for each need, also for those that are
//! met. Quotas, Availability Zones and names are assessed by [`super::look`].

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{AT_ONCE, zones};
use crate::deploy::ownership::{Ownership, of_tags};
use crate::deploy::{Baseline, Desired, State};
use tenantry_aws::cloud::{Access, CallError, Cause, Cloud, Place, Session, cloudformation, iam, offers, with_causes};
use tenantry_base::finding::{Finding, Severity};
use tenantry_checks::capacity::Level;

/// A prerequisite of a first deploy, and whether it is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// Name of the check, such as `deploy-role` or `hosted-zone`.
    pub check: &'static str,
    /// `error` if a first deploy would fail.
    pub level: Level,
    /// Account, with its Region if there is one; null for checks of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Result of the check.
    pub message: String,
    /// How to fix it, if possible as a command; null if nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Check {
    pub fn new(check: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self { check, level, place: None, message: message.into(), help: None }
    }

    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(format!("{} {}", place.account, place.region));
        self
    }

    #[must_use]
    pub fn in_account(mut self, place: &Place) -> Self {
        self.place = Some(place.account.to_string());
        self
    }

    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A call that gave no answer: the check could not be made.
    fn unknown(check: &'static str, error: &CallError) -> Self {
        Self { help: error.hint(), ..Self::new(check, Level::Unknown, with_causes(error)) }
    }
}

/// What the stacks of one account and Region need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Hosted zones in which certificates are validated.
    pub zones: BTreeSet<String>,
    pub prefix_lists: BTreeSet<String>,
    /// ARNs of layer versions.
    pub layers: BTreeSet<String>,
    /// Services whose service-linked role the account must have.
    pub linked_services: BTreeSet<String>,
    /// The version of the control plane.
    pub control_plane: u64,
}

impl Needs {
    /// Adds what a template needs.
    pub fn add(&mut self, template: &Value, control_plane: u64) {
        self.control_plane = self.control_plane.max(control_plane);
        let resources = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
        for (_, resource) in resources {
            self.zones.extend(zones::zones_of(resource));
            let kind = resource["Type"].as_str().unwrap_or_default();
            let services = tenantry_checks::resources::table().linked_services(kind);
            self.linked_services.extend(services.into_iter().map(str::to_owned));
            self.named(&resource["Properties"]);
        }
    }

    /// Adds the prefix lists and layers that properties name.
    fn named(&mut self, value: &Value) {
        match value {
            Value::String(text) if is_prefix_list(text) => {
                self.prefix_lists.insert(text.clone());
            }
            Value::String(text) if is_layer(text) => {
                self.layers.insert(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| self.named(item)),
            Value::Object(members) => members.values().for_each(|member| self.named(member)),
            _ => {}
        }
    }
}

/// `pl-6da54004`.
fn is_prefix_list(text: &str) -> bool {
    text.strip_prefix("pl-").is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `arn:aws:lambda:eu-west-1:111122223333:layer:NAME:1`.
fn is_layer(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts[..], ["arn", _, "lambda", _, _, "layer", _, version] if version.parse::<u64>().is_ok())
}

/// The checks of one account and Region; none where it cannot be entered, which [`entered`] says. `facts` are the texts that
/// `fleet.yaml` has of the Region, `role` the caller's choice in place of the control plane's roles.
pub async fn place(
    cloud: &Cloud,
    place: &Place,
    access: &Access,
    needs: &Needs,
    control_plane: Option<&Desired>,
    facts: &BTreeMap<String, String>,
    role: Option<&str>,
) -> Vec<Check> {
    let session = match cloud.session(place, access).await {
        Ok(session) => session,
        // The roles have been checked, and say why.
        Err(_) => return Vec::new(),
    };
    let (plane, lists, layers, roles, zones) = futures::join!(
        stack(&session, control_plane, needs, role),
        prefix_lists(&session, needs, facts),
        layers(&session, needs, facts),
        linked_roles(&session, needs, role),
        hosted_zones(cloud, place, access, needs),
    );
    [vec![plane], roles, zones, lists, layers].concat()
}

/// Whether a role of an account can be assumed. `own`: it is one that the control plane makes.
pub async fn entered(cloud: &Cloud, check: &'static str, place: &Place, access: &Access, own: bool) -> Check {
    let role = match &access.role {
        Some(role) => format!("role `{role}`"),
        None => "the caller's own credentials".to_owned(),
    };
    match cloud.session(place, access).await {
        Ok(_) => Check::new(check, Level::Ok, format!("{role} gives access")).in_account(place),
        Err(error) => {
            let level = match &error.cause {
                Cause::RoleDenied { .. } | Cause::WrongAccount { .. } => Level::Error,
                _ if error.code().is_some() => Level::Error,
                _ => Level::Unknown,
            };
            let found = Check::new(check, level, with_causes(&error)).in_account(place);
            match (&error.cause, error.hint()) {
                (Cause::RoleDenied { .. }, _) if own => found.with_help(
                    "if the account has no control plane yet, run `tenantry bootstrap --role ROLE` with a role that may create \
                     roles (`OrganizationAccountAccessRole`); `tenantry doctor --role ROLE` checks the rest before",
                ),
                (_, Some(hint)) => found.with_help(hint),
                (_, None) => found,
            }
        }
    }
}

/// `tenantry bootstrap`, with the role that was given.
fn bootstrap(role: Option<&str>) -> String {
    let role = role.map(|role| format!(" --role {role}")).unwrap_or_default();
    format!("run `tenantry bootstrap{role}`")
}

/// The control plane: there, ours, settled, and rendered from today's templates.
async fn stack(session: &Session, desired: Option<&Desired>, needs: &Needs, role: Option<&str>) -> Check {
    const CHECK: &str = "control-plane";
    let place = &session.place;
    let Some(desired) = desired else {
        return Check::new(CHECK, Level::Unknown, "its template could not be rendered").at(place);
    };
    let live = match cloudformation::stack(session, &desired.stack).await {
        Ok(live) => live,
        Err(error) => return Check::unknown(CHECK, &error).at(place),
    };
    let name = &desired.stack;
    let Some(live) = live.filter(|live| Baseline::of(Some(live)).status.is_some()) else {
        return Check::new(CHECK, Level::Error, format!("stack `{name}` does not exist"))
            .at(place)
            .with_help(bootstrap(role));
    };
    if let Ownership::Other(why) = of_tags(&live.tags, &desired.tags) {
        return Check::new(CHECK, Level::Error, format!("stack `{name}` is not owned by this estate: {why}"))
            .at(place)
            .with_help("choose another `organisation` in `tenants/fleet.yaml`, or another account");
    }
    let version = crate::deploy::ownership::control_plane_version(&live);
    let ground = Baseline::of(Some(&live));
    match State::of(Some(&live.status)) {
        State::Settled | State::RolledBack => {}
        _ => {
            return Check::new(CHECK, Level::Error, format!("stack `{name}` is {}", live.status))
                .at(place)
                .with_help(format!("run `{}`", desired.rescue()));
        }
    }
    if version < needs.control_plane {
        let message = format!("stack `{name}` is version {version}, and this release needs {}", needs.control_plane);
        return Check::new(CHECK, Level::Error, message).at(place).with_help(bootstrap(role));
    }
    if ground.digest.as_deref() != Some(desired.digest.as_str()) {
        let message = format!("stack `{name}` is outdated: it has another template than git");
        return Check::new(CHECK, Level::Warning, message).at(place).with_help(bootstrap(role));
    }
    Check::new(CHECK, Level::Ok, format!("stack `{name}` is current")).at(place)
}

async fn linked_roles(session: &Session, needs: &Needs, role: Option<&str>) -> Vec<Check> {
    const CHECK: &str = "service-linked-role";
    let mut found = Vec::new();
    for service in &needs.linked_services {
        found.push(match iam::has_service_linked_role(session, service).await {
            Ok(true) => Check::new(CHECK, Level::Ok, format!("`{service}` has its role")).in_account(&session.place),
            Ok(false) => {
                let message = format!("`{service}` has no service-linked role: a first stack would fail");
                Check::new(CHECK, Level::Error, message).in_account(&session.place).with_help(format!(
                    "{}, or `aws iam create-service-linked-role --aws-service-name {service}`",
                    bootstrap(role)
                ))
            }
            Err(error) => Check::unknown(CHECK, &error).in_account(&session.place),
        });
    }
    found
}

async fn hosted_zones(cloud: &Cloud, place: &Place, access: &Access, needs: &Needs) -> Vec<Check> {
    const CHECK: &str = "hosted-zone";
    let mut found = Vec::new();
    for zone in &needs.zones {
        found.push(match zones::look(cloud, place, access, zone).await {
            None => Check::new(CHECK, Level::Ok, format!("`{zone}` is delegated")).in_account(place),
            Some(finding) => of_finding(CHECK, &finding).in_account(place),
        });
    }
    found
}

/// A finding as a check.
pub fn of_finding(check: &'static str, finding: &Finding) -> Check {
    let level = match finding.severity {
        Severity::Info => Level::Ok,
        Severity::Warning => Level::Warning,
        Severity::Unknown => Level::Unknown,
        Severity::Error => Level::Error,
    };
    let found = Check::new(check, level, format!("{}: {}", finding.message, finding.code));
    Check { help: finding.help.clone(), ..found }
}

async fn prefix_lists(session: &Session, needs: &Needs, facts: &BTreeMap<String, String>) -> Vec<Check> {
    const CHECK: &str = "prefix-list";
    if needs.prefix_lists.is_empty() {
        return Vec::new();
    }
    let known = match offers::prefix_lists(session).await {
        Ok(known) => known,
        Err(error) => return vec![Check::unknown(CHECK, &error).at(&session.place)],
    };
    let one = |id: &String| match known.iter().find(|(_, other)| *other == id) {
        Some((name, _)) => Check::new(CHECK, Level::Ok, format!("`{id}` is {name}")).at(&session.place),
        None => {
            let found = Check::new(CHECK, Level::Error, format!("`{id}` does not exist here")).at(&session.place);
            found.with_help(format!("{}: {}", named_by(&session.place, facts, id), listed(&known)))
        }
    };
    needs.prefix_lists.iter().map(one).collect()
}

/// What in `fleet.yaml` has a value.
fn named_by(place: &Place, facts: &BTreeMap<String, String>, value: &str) -> String {
    match facts.iter().find(|(_, own)| *own == value) {
        Some((fact, _)) => format!("set `regions.{}.{fact}` in `tenants/fleet.yaml`", place.region),
        None => "correct the template".to_owned(),
    }
}

/// The lists of AWS's services, S3's first: those that a route or rule of a stack may mean.
fn listed(known: &BTreeMap<String, String>) -> String {
    const MOST: usize = 2;
    let mut lists: Vec<_> = known.iter().collect();
    lists.sort_by_key(|(name, _)| (!name.ends_with(".s3"), *name));
    let shown: Vec<String> = lists.into_iter().take(MOST).map(|(name, id)| format!("{id} ({name})")).collect();
    if shown.is_empty() { "the Region lists none".to_owned() } else { format!("the Region has {}", shown.join(", ")) }
}

/// A layer of AWS's own has no list that another account may read: the page that has one is named.
async fn layers(session: &Session, needs: &Needs, facts: &BTreeMap<String, String>) -> Vec<Check> {
    const CHECK: &str = "layer";
    let mut found = Vec::new();
    for arn in &needs.layers {
        let absent = |why: &str| {
            Check::new(CHECK, Level::Error, format!("`{arn}` {why}")).at(&session.place).with_help(format!(
                "{}; layers of AWS AppConfig are listed in its User Guide, \"Understanding available versions of the AWS \
                 AppConfig Agent Lambda extension\"",
                named_by(&session.place, facts, arn)
            ))
        };
        found.push(match offers::layer_version(session, arn).await {
            Ok(true) => Check::new(CHECK, Level::Ok, format!("`{arn}` exists")).at(&session.place),
            Ok(false) => absent("does not exist"),
            Err(error) if is_anothers(arn, session) && tenantry_aws::cloud::is_access_denied(&error) => {
                // The caller's own policy and the layer's answer with the same code.
                Check::new(CHECK, Level::Unknown, with_causes(&error)).at(&session.place).with_help(
                    "the version does not exist, is not shared with the account, or the role lacks lambda:GetLayerVersion",
                )
            }
            Err(error) => Check::unknown(CHECK, &error).at(&session.place),
        });
    }
    found
}

/// A layer of another account than the session's.
fn is_anothers(arn: &str, session: &Session) -> bool {
    arn.split(':').nth(4) != Some(session.place.account.as_str())
}

/// The checks of many places at once, in the order in which they are given.
pub async fn all<F: Future<Output = Vec<Check>>>(checks: impl IntoIterator<Item = F>) -> Vec<Check> {
    let found: Vec<Vec<Check>> = stream::iter(checks).buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_template_names_is_found_wherever_it_stands() {
        let layer = "arn:aws:lambda:eu-west-1:434848589818:layer:AWS-AppConfig-Extension:299";
        let mut needs = Needs::default();
        needs.add(
            &json!({ "Resources": {
                "Rule": { "Type": "AWS::EC2::SecurityGroupEgress", "Properties": { "DestinationPrefixListId": "pl-6da54004" } },
                "Function": { "Type": "AWS::Lambda::Function", "Properties": {
                    "Layers": [layer], "Description": "pl-ain text", "Role": { "Fn::GetAtt": ["Role", "Arn"] } } },
                "Certificate": { "Type": "AWS::CertificateManager::Certificate", "Properties": {
                    "DomainValidationOptions": [{ "DomainName": "a.example", "HostedZoneId": "Z1" }] } },
                "Domain": { "Type": "AWS::OpenSearchService::Domain", "Properties": {} },
            } }),
            3,
        );
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(needs.prefix_lists, set(&["pl-6da54004"]));
        assert_eq!(needs.layers, set(&[layer]));
        assert_eq!(needs.zones, set(&["Z1"]));
        assert_eq!(needs.control_plane, 3);
        assert!(needs.linked_services.iter().any(|service| service.contains("opensearch")), "{needs:?}");
    }

    #[test]
    fn a_value_is_traced_to_the_fact_that_has_it() {
        let place = Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let facts = BTreeMap::from([("s3_prefix_list".to_owned(), "pl-1".to_owned())]);
        assert!(named_by(&place, &facts, "pl-1").contains("regions.eu-west-1.s3_prefix_list"));
        assert_eq!(named_by(&place, &facts, "pl-2"), "correct the template");
        let known = BTreeMap::from([
            ("com.amazonaws.eu-west-1.dynamodb".to_owned(), "pl-2".to_owned()),
            ("com.amazonaws.eu-west-1.s3".to_owned(), "pl-3".to_owned()),
        ]);
        assert!(listed(&known).starts_with("the Region has pl-3 (com.amazonaws.eu-west-1.s3), pl-2"));
    }
}
