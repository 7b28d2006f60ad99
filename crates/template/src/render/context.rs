//! What templates see of one stack: `shape`, on which they may decide, and values, which they may only print.
//! `templates/context.yaml` shows the whole of it for one tenant of the default blueprint.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Functions, names, old_names};
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding};
use tenantry_base::ids::{AccountId, ExternalId, Region, RoleName, ZoneId};
use tenantry_blueprint::{Blueprint, Evaluation, Inputs, Layout, Owner, Type};
use tenantry_spec::estate::spec::{Fleet, put};
use tenantry_spec::estate::{Estate, Tenant};
use tenantry_spec::flags::{self, Reads};

/// The file that shows what templates see.
const DOCUMENTED: &str = "templates/context.yaml";
/// How many days logs are kept in the tenant's own account.
const LOG_RETENTION_DAYS: u64 = 90;

/// The input of one rendering.
#[derive(Debug, Clone)]
pub struct Context {
    /// Name of the template: `tenant.yaml.tera` or `control-plane.yaml.tera`.
    pub(super) template: &'static str,
    /// Everything that a template may decide on.
    pub(super) shape: Value,
    /// Texts and whole numbers that a template may print.
    pub(super) values: Value,
    /// Fields of lists' items that are part of the shape: list, field, one text per item.
    pub(super) literals: Vec<(&'static str, &'static str, Vec<String>)>,
    pub(super) routes: Routes,
    /// The estate has a catalogue of flags.
    pub(super) has_flags: bool,
}

/// Routes of the spec fields behind the values of a context.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// By the first part of a derived value's or tier's path.
    derived: BTreeMap<String, Vec<String>>,
    /// Names of the blueprint's sections.
    sections: Vec<String>,
}

impl Routes {
    /// The routes behind the value at a path, such as `zones.0.lambda`.
    pub(super) fn of(&self, path: &str) -> Vec<String> {
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or("");
        let last = parts.next_back().unwrap_or("");
        let fixed: &[&str] = match (first, last) {
            ("tenant", "ring") => &["ring"],
            ("tenant", "account") | ("dns", _) => &["account"],
            ("tenant", "region") => &["region"],
            ("tenant", "timezone") => &["contact.timezone"],
            ("tenant", "page") => &["contact.page"],
            ("control", _) => &["account", "region"],
            ("vpc", _) => &["network.cidr"],
            ("zones", "id") => &["region", "network.zones"],
            ("zones", tier) => return self.derived.get(tier).cloned().unwrap_or_default(),
            ("flags", _) => &["flags"],
            _ => &[],
        };
        if !fixed.is_empty() {
            return fixed.iter().map(|route| (*route).to_owned()).collect();
        }
        if self.sections.iter().any(|section| section == first) {
            let fields = path.split('.').filter(|part| part.parse::<usize>().is_err());
            let route = fields.collect::<Vec<_>>().join(".");
            let of_file = [".pem", ".key", ".sha256"].iter().find_map(|end| route.strip_suffix(end));
            return vec![of_file.unwrap_or(&route).to_owned()];
        }
        self.derived.get(first).cloned().unwrap_or_default()
    }
}

/// Everything that decides what a tenant's stack is.
#[derive(Debug, Clone, Copy)]
pub struct TenantStack<'a> {
    pub estate: &'a Estate,
    pub tenant: &'a Tenant,
    pub inputs: &'a Inputs,
    pub derived: &'a Evaluation<'a>,
    pub layout: &'a Layout,
    /// The zones that the stack stands in.
    pub zones: &'a [ZoneId],
    pub functions: &'a Functions,
    /// Name of the release, such as `v1.4.0`.
    pub release: &'a str,
}

impl Context {
    /// The context of a tenant's stack.
    pub fn tenant(stack: TenantStack<'_>) -> Self {
        let TenantStack { estate, tenant, inputs, derived, layout, zones, functions, release } = stack;
        let (fleet, spec, blueprint) = (&estate.fleet, &tenant.spec, &*estate.blueprint);
        let keys = zone_keys(zones.len());
        let (structural, runtime) = partition_flags(estate, flags::values(&estate.flags, &tenant.subject()));
        let mut shape: Map<String, Value> =
            derived.shape().into_iter().map(|(name, value)| (shape_name(name), value)).collect();
        shape.insert("flags".to_owned(), Value::Object(structural));
        shape.insert("zones".to_owned(), json!(keys));
        let subnets: Vec<Value> = zones
            .iter()
            .zip(&layout.zones)
            .map(|(id, subnets)| {
                let blocks =
                    blueprint.tiers.iter().zip(subnets).map(|(tier, cut)| (tier.name.clone(), json!(cut.block)));
                let zone: Map<String, Value> = [("id".to_owned(), json!(id))].into_iter().chain(blocks).collect();
                Value::Object(zone)
            })
            .collect();
        let dns = fleet.accounts.get(&spec.account).map(|account| &account.dns);
        let mut values = parameters(blueprint, tenant);
        values.extend(printable(blueprint, derived));
        let own = json!({
            "tenant": {
                "name": tenant.name, "ring": spec.ring, "account": spec.account, "region": spec.region,
                "timezone": spec.contact.timezone, "page": spec.contact.page,
            },
            "fleet": { "organisation": fleet.organisation },
            "control": control(fleet, &spec.account, &spec.region),
            "dns": {
                "host": Self::host(fleet, tenant),
                "hosted_zone_id": dns.map_or("", |dns| &dns.hosted_zone_id),
            },
            "region": region_facts(blueprint, inputs),
            "vpc": { "cidr": layout.block },
            "zones": subnets,
            "names": names_of(estate, tenant),
            "functions": keys_of(functions),
            "images": images(blueprint),
            "logs": { "retention_days": LOG_RETENTION_DAYS },
            "flags": { "content": flags::app_config(&estate.flags, &runtime).to_string() },
            "release": { "name": release, "digest": "" },
        });
        if let Value::Object(own) = own {
            values.extend(own);
        }
        if estate.has_old_templates {
            old_names::add(&mut shape, &mut values);
        }
        Self {
            template: "tenant.yaml.tera",
            shape: Value::Object(shape),
            values: Value::Object(values),
            literals: vec![("zones", "key", keys)],
            routes: routes(blueprint),
            has_flags: !estate.flags.flags.is_empty(),
        }
    }

    /// What templates see under a path, such as `names.prefix`, as they print it. None for a path without a text or number.
    pub fn value(&self, path: &str) -> Option<String> {
        match path.split('.').try_fold(&self.values, |value, key| value.get(key))? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The host name of a tenant. While it moves, the old stack has the tenant's own, and the new one a name with its
    /// place: the two may share a hosted zone.
    pub fn host(fleet: &Fleet, tenant: &Tenant) -> String {
        let spec = &tenant.spec;
        let zone = fleet.accounts.get(&spec.account).map_or("", |account| account.dns.zone.as_str());
        match &spec.moved_from {
            Some(from) if from.region == spec.region => format!("{}-{}.{zone}", tenant.name, spec.account),
            Some(_) => format!("{}-{}.{zone}", tenant.name, spec.region),
            None => format!("{}.{zone}", tenant.name),
        }
    }

    /// The context of the control plane's stack in one account and region. Those of the central
    /// account hold what every tenant of their region shares.
    /// `sink` is the ARN of the central account's observability sink in this region, once it is known.
    pub fn control_plane(
        fleet: &Fleet,
        account: &AccountId,
        region: &Region,
        sink: Option<&str>,
        release: &str,
    ) -> Self {
        let accounts: Vec<&AccountId> = fleet.accounts.keys().collect();
        let central = *account == fleet.control_plane.account;
        let own = fleet.accounts.get(account);
        let role = own.and_then(|account| account.role.as_ref()).map(RoleName::as_str);
        let external_id = own.and_then(|account| account.external_id.as_ref()).map(ExternalId::as_str);
        // Where an account has what it has once, its roles: the same Region in every account, whichever others the fleet adds.
        let home = *region == fleet.control_plane.region;
        let paging = fleet.paging.as_ref();
        Self {
            template: "control-plane.yaml.tera",
            shape: json!({
                "central": central,
                "paging": paging.is_some(),
                "pager": paging.is_some() && central && *region == fleet.control_plane.region,
                "linked": !central && sink.is_some(),
                "home": home,
                "deploy_role": home && role.is_some(),
                "external_id": external_id.is_some(),
                "aws_organization": fleet.aws_organization_id.is_some(),
            }),
            values: json!({
                "fleet": { "organisation": fleet.organisation },
                "here": { "account": account, "region": region },
                "control": control(fleet, account, region),
                "accounts": accounts,
                "aws_organization_id": fleet.aws_organization_id.as_deref().unwrap_or(""),
                "sink": sink.unwrap_or(""),
                "paging": {
                    "events_url": paging.map_or("", |paging| &paging.events_url),
                    "fallback_email": paging.map_or("", |paging| &paging.fallback_email),
                },
                "low_urgency": low_urgency(fleet),
                "deploy_role": { "name": role.unwrap_or(""), "external_id": external_id.unwrap_or("") },
                "logs": { "retention_days": LOG_RETENTION_DAYS },
                "release": { "name": release, "digest": "" },
            }),
            literals: Vec::new(),
            routes: Routes::default(),
            has_flags: true,
        }
    }
}

/// Patterns of the alarms that wait for working hours; the canary wakes nobody.
fn low_urgency(fleet: &Fleet) -> Vec<String> {
    let own = fleet.paging.iter().flat_map(|paging| paging.low_urgency.iter().cloned());
    [names::canary(&fleet.organisation, "*")].into_iter().chain(own).collect()
}

/// What the control plane gives to stacks in an account and region. Log groups reach only destinations of their own
/// region, so the central account has one in each.
fn control(fleet: &Fleet, account: &AccountId, region: &Region) -> Value {
    let organisation = &fleet.organisation;
    let central = &fleet.control_plane;
    let arn = |service: &str, resource: String| {
        format!("arn:{}:{service}:{region}:{}:{resource}", region.partition(), central.account)
    };
    json!({
        "account": central.account,
        "region": central.region,
        "artifacts_bucket": names::artifacts_bucket(organisation, account, region),
        "access_logs_bucket": names::access_logs_bucket(organisation, account, region),
        "logs_bucket": names::logs_bucket(organisation, account, region),
        "log_destination": arn("logs", format!("destination:{organisation}-central-logs")),
    })
}

/// A decision's name as templates write it: `has_dashboards_client_crl` of `has(dashboards.client_crl)`.
fn shape_name(decision: &str) -> String {
    decision.trim_end_matches(')').replace(['.', '('], "_")
}

/// The parameters of a tenant as texts and whole numbers. Every parameter is there, so that tenants which leave one out have
/// the values of the others' structure; what a template does without it is a matter of the shape.
fn parameters(blueprint: &Blueprint, tenant: &Tenant) -> Map<String, Value> {
    let mut values = Map::new();
    for parameter in blueprint.declared() {
        let given = tenant.spec.parameter(&parameter.path);
        let value = match &parameter.kind {
            _ if parameter.file().is_some() => {
                let file = tenant.files.get(&parameter.path);
                let text = |of: &dyn Fn(&tenantry_spec::estate::File) -> String| file.map_or_else(String::new, of);
                Some(json!({
                    "pem": text(&|file| file.text().to_owned()),
                    "key": text(&|file| file.key()),
                    "sha256": text(&|file| file.sha256().to_owned()),
                }))
            }
            Type::List(item, _) => scalar_kind(item).then(|| {
                let items = given.and_then(Value::as_array).into_iter().flatten();
                Value::Array(items.map(|item| printed(Some(item))).collect())
            }),
            kind => scalar_kind(kind).then(|| printed(given)),
        };
        if let Some(value) = value {
            put(&mut values, &parameter.path, value);
        }
    }
    values
}

fn scalar_kind(kind: &Type) -> bool {
    matches!(kind, Type::Bool | Type::Int | Type::Double | Type::Text)
}

/// A value that may stand in a slot: what is neither a text nor a whole number is printed as text.
fn printed(value: Option<&Value>) -> Value {
    match value {
        None | Some(Value::Null) => Value::from(""),
        Some(Value::Number(number)) if number.is_u64() => Value::Number(number.clone()),
        Some(Value::String(text)) => Value::from(text.as_str()),
        Some(other) => Value::from(other.to_string()),
    }
}

/// The derived values that can be printed.
fn printable(blueprint: &Blueprint, derived: &Evaluation<'_>) -> Map<String, Value> {
    let value = |one: &tenantry_blueprint::Derived| {
        let value = derived.value(&one.name).filter(|_| scalar_kind(&one.formula.kind))?;
        Some((one.name.clone(), printed(Some(&value.to_json()))))
    };
    blueprint.derived.iter().filter_map(value).collect()
}

fn region_facts(blueprint: &Blueprint, inputs: &Inputs) -> Value {
    let fact = |parameter: &tenantry_blueprint::Parameter| {
        let name = parameter.path.split('.').next_back().unwrap_or_default().to_owned();
        (name, printed(inputs.get(&parameter.path)))
    };
    Value::Object(blueprint.region.parameters.iter().map(fact).collect())
}

/// The names of the blueprint, and those that the tool gives.
fn names_of(estate: &Estate, tenant: &Tenant) -> BTreeMap<String, String> {
    let organisation = &estate.fleet.organisation;
    let mut names = estate.blueprint.names(Owner {
        organisation,
        tenant: tenant.name.as_str(),
        account: tenant.spec.account.as_str(),
        region: tenant.spec.region.as_str(),
    });
    names.insert("parameter".to_owned(), format!("/tenantry/{organisation}/{}/release", tenant.name));
    names.insert("stack".to_owned(), names::stack(organisation, tenant.name.as_str()));
    names
}

/// What task definitions take for the images of a blueprint.
fn images(blueprint: &Blueprint) -> BTreeMap<&str, String> {
    blueprint.artifacts.images.iter().map(|(name, image)| (name.as_str(), image.reference())).collect()
}

fn keys_of(functions: &Functions) -> Value {
    let keys = functions.artifacts.iter().map(|(name, artifact)| (name.clone(), json!({ "key": artifact.key() })));
    let architecture = ("architecture".to_owned(), json!(functions.architecture));
    Value::Object([architecture].into_iter().chain(keys).collect())
}

fn routes(blueprint: &Blueprint) -> Routes {
    let fields = |inputs: &[String]| -> Vec<String> {
        let field = |input: &String| match input.as_str() {
            "zones" => Some("network.zones".to_owned()),
            "architecture" => None,
            input if input.starts_with("region.") => Some("region".to_owned()),
            input => Some(input.to_owned()),
        };
        inputs.iter().filter_map(field).collect()
    };
    let mut derived: BTreeMap<String, Vec<String>> =
        blueprint.derived.iter().map(|one| (one.name.clone(), fields(&one.inputs))).collect();
    for tier in &blueprint.tiers {
        let inputs = fields(&blueprint.derived[tier.addresses].inputs);
        derived.insert(tier.name.clone(), ["network.cidr".to_owned()].into_iter().chain(inputs).collect());
    }
    Routes { derived, sections: blueprint.sections.iter().map(|section| section.name.clone()).collect() }
}

/// Suffixes of the zones' logical ids: A, B, C, …
fn zone_keys(zones: usize) -> Vec<String> {
    ('A'..='Z').take(zones).map(String::from).collect()
}

fn partition_flags(estate: &Estate, values: flags::Values) -> (Map<String, Value>, flags::Values) {
    let mut structural = Map::new();
    let mut runtime = flags::Values::new();
    for (key, value) in values {
        match estate.flags.flags.get(&key).map(|flag| flag.reads) {
            Some(Reads::Structural) => drop(structural.insert(key, value)),
            _ => drop(runtime.insert(key, value)),
        }
    }
    (structural, runtime)
}

impl Context {
    /// Everything that the templates see.
    pub fn seen(&self) -> Value {
        self.assemble(self.values.clone())
    }

    /// What `templates/context.yaml` of the estate below `root`, which shows all that templates see, lacks or has too much; nothing
    /// where the estate has no such file.
    pub fn documented(&self, root: &Path) -> Vec<Finding> {
        let path = root.join(DOCUMENTED);
        if path.symlink_metadata().is_err() {
            return Vec::new();
        }
        let document = match Document::read(&path, DOCUMENTED.into()) {
            Ok(document) => document,
            Err(finding) => return vec![finding],
        };
        let (seen, none) = (self.seen(), Map::new());
        let (seen, shown) = (seen.as_object().unwrap_or(&none), document.value.as_object().unwrap_or(&none));
        let missing = seen.keys().filter(|name| !shown.contains_key(*name));
        let missing = missing.map(|name| (name, format!("templates see `{name}`, which is not shown here")));
        let idle = shown.keys().filter(|name| !seen.contains_key(*name));
        let idle = idle.map(|name| (name, format!("no template sees `{name}`")));
        let finding =
            |(name, message): (&String, String)| Finding::new(Code::TN3014, message).at(document.nearest(name));
        missing.chain(idle).map(finding).collect()
    }

    /// Puts a digest where the renderer would put it: for [`super::Renderer::render_plainly`], which knows none.
    pub fn set_digest(&mut self, digest: &str) {
        self.values["release"]["digest"] = Value::from(digest);
    }
}
