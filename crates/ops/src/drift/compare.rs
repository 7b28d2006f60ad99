//! One stack against the snapshot: every source in turn, into one list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expected::{self, Expected};
use super::live::{Reading, Shared, StackView};
use super::severity::{self, Severity};
use super::{Difference, DriftStatus, Kind, Source, SourceReport, StackDrift, Unchecked};
use super::{neighbours, network, release, services, unmanaged};
use crate::deploy::{Desired, State};
use tenantry_base::finding::Code;

/// What one stack is held against.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub desired: &'a Desired,
    pub shared: &'a Shared,
    pub view: &'a StackView,
    pub expected: &'a BTreeMap<String, Expected>,
}

/// What the sources find, while they find it.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub differences: Vec<Difference>,
    checked: BTreeMap<Source, BTreeSet<String>>,
    unseen: BTreeMap<Source, BTreeSet<String>>,
    /// Why a resource could not be checked, by logical id.
    reasons: BTreeMap<String, String>,
    /// Resources that drift detection compared as a whole.
    whole: BTreeSet<String>,
    /// Properties that could be compared in part only, by logical id.
    parts: BTreeMap<String, BTreeSet<String>>,
    /// Why a service of its own did not tell about a resource, by logical id.
    refused: BTreeMap<String, String>,
    /// What stands beside a resource and could not be looked for.
    beside: Vec<Unchecked>,
    /// There is no stack, as there should be none.
    pub offboarded: bool,
}

/// Compares a stack with what is there. Pure: the same snapshot gives the same answer.
pub fn compare(desired: &Desired, shared: &Shared, view: &StackView) -> StackDrift {
    let mut found = Found::default();
    let template = release::template(desired, view);
    let expected = resolve(desired, shared, view, &template);
    let case = Case { desired, shared, view, expected: &expected };
    if release::compare(&case, &mut found) == release::Stands::Yes {
        network::compare(&case, &mut found);
        services::compare(&case, &mut found);
        unmanaged::compare(&case, &mut found);
        neighbours::compare(&case, &mut found);
    }
    found.end(desired, &expected)
}

/// The expected resources under the ids that the stack has given them.
pub(super) fn resolve(
    desired: &Desired,
    shared: &Shared,
    view: &StackView,
    template: &Value,
) -> BTreeMap<String, Expected> {
    let allocations = match &shared.addresses {
        Ok(addresses) => addresses.iter().filter_map(|address| {
            Some((address.id.clone(), address.properties.get("AllocationId")?.as_str()?.to_owned()))
        }),
        Err(_) => return resolve_with(desired, shared, view, template, &BTreeMap::new()),
    };
    resolve_with(desired, shared, view, template, &allocations.collect())
}

fn resolve_with(
    desired: &Desired,
    shared: &Shared,
    view: &StackView,
    template: &Value,
    allocations: &BTreeMap<String, String>,
) -> BTreeMap<String, Expected> {
    let stack = shared.stacks.as_ref().ok().and_then(|stacks| stacks.get(&desired.stack));
    let baseline = expected::StackContext {
        place: &desired.place,
        stack: &desired.stack,
        stack_id: stack.map_or("", |stack| stack.id.as_str()),
        resources: view.resources.as_deref().unwrap_or_default(),
        allocations,
        attributes: shared.attributes.as_ref().ok(),
    };
    expected::resolve(template, &baseline)
}

/// The id of the thing that a call names when it changes a resource.
fn carrier(expected: &Expected) -> Option<String> {
    let property = match expected.resource_type.as_str() {
        "AWS::EC2::Route" | "AWS::EC2::SubnetRouteTableAssociation" => "RouteTableId",
        "AWS::EC2::NetworkAclEntry" | "AWS::EC2::SubnetNetworkAclAssociation" => "NetworkAclId",
        "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress" => "GroupId",
        "AWS::EC2::VPCGatewayAttachment" => "InternetGatewayId",
        "AWS::S3::BucketPolicy" => "Bucket",
        "AWS::Lambda::EventInvokeConfig" | "AWS::Lambda::Permission" => "FunctionName",
        "AWS::Logs::SubscriptionFilter" => "LogGroupName",
        "AWS::SQS::QueuePolicy" => "Queues",
        "AWS::SNS::TopicPolicy" => "Topics",
        kind if kind.starts_with("AWS::AppConfig::") && kind != "AWS::AppConfig::Application" => "ApplicationId",
        _ => return expected.physical_id.clone(),
    };
    let value = expected.properties.get(property)?;
    let named = value.as_str().or_else(|| value.as_array()?.first()?.as_str());
    named.filter(|id| !id.contains(expected::UNKNOWN)).map(str::to_owned)
}

/// A value as it is shown: what could not be resolved is said so.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace(expected::UNKNOWN, "(unknown)").into(),
        Value::Array(items) => items.into_iter().map(shown).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, shown(value))).collect(),
        other => other,
    }
}

impl<'a> Case<'a> {
    /// Expected resources of a type, with their logical ids.
    pub(super) fn of_type(&self, resource_type: &str) -> impl Iterator<Item = (&'a String, &'a Expected)> {
        self.expected.iter().filter(move |(_, expected)| expected.resource_type == resource_type)
    }

    /// The stack as CloudFormation tells it.
    pub(super) fn stack(&self) -> Option<&'a tenantry_aws::cloud::cloudformation::Stack> {
        self.shared.stacks.as_ref().ok()?.get(&self.desired.stack)
    }

    /// The id of the stack's VPC.
    pub(super) fn vpc(&self) -> Option<&'a str> {
        self.of_type("AWS::EC2::VPC").find_map(|(_, vpc)| vpc.physical_id.as_deref())
    }

    /// Whether an id is that of a resource of this stack.
    pub(super) fn is_ours(&self, id: &str) -> bool {
        self.view.resources.iter().flatten().any(|resource| {
            let physical = resource.physical_id.as_deref().unwrap_or("");
            physical == id || physical.rsplit('|').next() == Some(id)
        })
    }
}

impl Found {
    /// Notes that a source looked at a resource.
    pub(super) fn check(&mut self, source: Source, logical_id: &str) {
        self.checked.entry(source).or_default().insert(logical_id.to_owned());
    }

    /// Notes what a source could not see.
    pub(super) fn unseen(&mut self, source: Source, why: impl Into<String>) {
        self.unseen.entry(source).or_default().insert(why.into());
    }

    /// Notes why a resource could not be checked; another source may still do it.
    pub(super) fn reason(&mut self, logical_id: &str, why: impl Into<String>) {
        self.reasons.entry(logical_id.to_owned()).or_insert_with(|| why.into());
    }

    /// Notes that a service did not tell about a resource: whoever else looked at it saw less.
    pub(super) fn refused(&mut self, logical_id: &str, why: &str) {
        self.reason(logical_id, why);
        self.refused.entry(logical_id.to_owned()).or_insert_with(|| why.to_owned());
    }

    /// Notes that drift detection compared a resource as a whole.
    pub(super) fn compared_whole(&mut self, logical_id: &str) {
        self.whole.insert(logical_id.to_owned());
    }

    /// Notes that part of a property could not be compared.
    pub(super) fn compared_in_part(&mut self, logical_id: &str, property: &str) {
        self.parts.entry(logical_id.to_owned()).or_default().insert(property.to_owned());
    }

    /// Notes that nobody could look for something beside a resource.
    pub(super) fn not_checked(&mut self, logical_id: &str, what: &str, why: &str) {
        self.beside.push(Unchecked {
            resource: logical_id.to_owned(),
            resource_type: what.to_owned(),
            why: why.to_owned(),
            accepted: None,
        });
    }

    /// What was reported, or a note that it was not.
    pub(super) fn read<'t, T>(&mut self, source: Source, reported: &'t Reading<T>) -> Option<&'t T> {
        match reported {
            Ok(value) => Some(value),
            Err(why) => {
                self.unseen(source, why);
                None
            }
        }
    }

    /// Whether this resource was already found to be gone, or this property of it to differ.
    pub(super) fn knows(&self, logical_id: &str, path: &str) -> bool {
        let top = |path: &str| path.split('/').nth(1).unwrap_or("").to_owned();
        self.differences.iter().any(|difference| {
            difference.source != Source::Release
                && difference.resource.as_deref() == Some(logical_id)
                && (difference.path.is_empty() || top(&difference.path) == top(path))
        })
    }

    /// A resource of the template that is gone.
    pub(super) fn deleted(&mut self, source: Source, logical_id: &str, expected: &Expected) {
        if self.knows(logical_id, "") {
            return;
        }
        // What was said about its parts is said by this.
        self.differences.retain(|d| d.source == Source::Release || d.resource.as_deref() != Some(logical_id));
        let rated = severity::of_deletion(&expected.resource_type);
        self.add(source, Kind::Deleted, rated, logical_id, expected, "", None, None);
    }

    /// A property that has another value, rated by what it is about.
    pub(super) fn modified(
        &mut self,
        source: Source,
        logical_id: &str,
        expected: &Expected,
        spot: super::differ::Spot,
    ) {
        let rated = severity::of_property(&expected.resource_type, &spot.path);
        let (wanted, actual) = (Some(spot.expected), Some(spot.actual));
        self.add(source, Kind::Modified, rated, logical_id, expected, &spot.path, wanted, actual);
    }

    #[expect(clippy::too_many_arguments, reason = "one difference has that many sides")]
    pub(super) fn add(
        &mut self,
        source: Source,
        kind: Kind,
        (code, severity): (Code, Severity),
        logical_id: &str,
        expected: &Expected,
        path: &str,
        wanted: Option<Value>,
        actual: Option<Value>,
    ) {
        let wanted = wanted.map(shown);
        self.differences.push(Difference {
            code,
            severity,
            kind,
            source,
            resource: Some(logical_id.to_owned()),
            resource_type: expected.resource_type.clone(),
            physical_id: expected.physical_id.clone(),
            path: path.to_owned(),
            expected: wanted,
            actual,
            remedy: severity::remedy(kind, code).to_owned(),
            carrier: carrier(expected),
            by: None,
            accepted: None,
        });
    }

    /// Something about the stack itself.
    pub(super) fn of_stack(
        &mut self,
        desired: &Desired,
        (code, severity): (Code, Severity),
        path: &str,
        wanted: Option<Value>,
        actual: Option<Value>,
    ) {
        let kind = if code == severity::NO_STACK { Kind::Deleted } else { Kind::Modified };
        self.differences.push(Difference {
            code,
            severity,
            kind,
            source: Source::Release,
            resource: None,
            resource_type: "AWS::CloudFormation::Stack".to_owned(),
            physical_id: Some(desired.stack.clone()),
            path: path.to_owned(),
            expected: wanted,
            actual,
            remedy: severity::remedy(kind, code).to_owned(),
            carrier: Some(desired.stack.clone()),
            by: None,
            accepted: None,
        });
    }

    fn end(mut self, desired: &Desired, expected: &BTreeMap<String, Expected>) -> StackDrift {
        // A template that is right says nothing about what was made of it.
        let live = [Source::Network, Source::Services];
        let seen = |id: &String| live.iter().any(|source| self.checked.get(source).is_some_and(|all| all.contains(id)));
        let (checked, missed): (Vec<_>, Vec<_>) = expected.iter().partition(|(id, _)| seen(id));
        let unchecked = missed.into_iter().map(|(id, expected)| Unchecked {
            resource: id.clone(),
            resource_type: expected.resource_type.clone(),
            why: self.reasons.get(id).cloned().unwrap_or_else(|| "no source reports it".to_owned()),
            accepted: None,
        });
        let in_part = self.parts.iter().filter(|(id, _)| seen(id) && !self.whole.contains(*id));
        let in_part = in_part.filter_map(|(id, properties)| {
            let named: Vec<&str> = properties.iter().map(String::as_str).collect();
            Some(Unchecked {
                resource: id.clone(),
                resource_type: expected.get(id)?.resource_type.clone(),
                why: format!("compared in part: `{}` holds values that cannot be resolved", named.join("`, `")),
                accepted: None,
            })
        });
        let refused = self.refused.iter().filter(|(id, _)| seen(id)).filter_map(|(id, why)| {
            Some(Unchecked {
                resource: id.clone(),
                resource_type: expected.get(id)?.resource_type.clone(),
                why: format!("compared without the service's settings: {why}"),
                accepted: None,
            })
        });
        let unchecked = unchecked.chain(in_part).chain(refused).chain(self.beside.iter().cloned());
        // Of a stack that is not there, or half there, nothing is left to check.
        let half = |difference: &Difference| {
            let status = difference.actual.as_ref().and_then(Value::as_str).unwrap_or_default();
            difference.path == "/StackStatus" && State::is_half(status)
        };
        // Nothing is restored in a stack that takes no change set.
        let stuck = self.differences.iter().find(|one| one.path == "/StackStatus").map(|one| one.remedy.clone());
        if let Some(way) = stuck {
            let fixed = self.differences.iter_mut().filter(|one| one.remedy.contains("--fix"));
            fixed.for_each(|one| one.remedy.clone_from(&way));
        }
        let no_stack = self.differences.iter().any(|one| one.code == severity::NO_STACK || half(one));
        let unchecked: Vec<Unchecked> = if no_stack || self.offboarded { Vec::new() } else { unchecked.collect() };
        let sources = Source::ALL.map(|source| SourceReport {
            source,
            checked: self.checked.get(&source).map_or(0, BTreeSet::len),
            unseen: self.unseen.get(&source).into_iter().flatten().cloned().collect(),
            limits: source.limits(),
        });
        let checked = checked.len();
        self.differences.sort_by(|a, b| {
            let key = |d: &Difference| (d.source, d.resource.clone(), d.physical_id.clone(), d.path.clone());
            b.severity.cmp(&a.severity).then_with(|| key(a).cmp(&key(b)))
        });
        let mut drift = StackDrift {
            tenant: desired.tenant.clone(),
            place: desired.place.clone(),
            stack: desired.stack.clone(),
            verdict: DriftStatus::Incomplete,
            differences: self.differences,
            checked,
            unchecked,
            sources: sources.into(),
            offboarded: self.offboarded,
            trail: None,
        };
        drift.rate();
        drift
    }
}
