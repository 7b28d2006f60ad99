//! From what differs to what restores it: one change set per stack, and direct calls for what CloudFormation cannot see.
//!
//! [`sort`] is pure: every open difference goes into exactly one heap. [`plan`] asks CloudFormation for the change sets.
//! Nothing is deleted that is a resource of somebody: what is unmanaged is left to a person.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{Difference, Kind, Source, StackDrift, severity};
use crate::deploy::prepare::Pace;
use crate::deploy::restore::{Edit, Restoring, end_rollback, restoring, restoring_others};
use crate::deploy::{ByStack, Desired, Plan, StackPlan};
use tenantry_aws::cloud::network::{Peer, Rule};
use tenantry_aws::cloud::{Cloud, Place, Session, cloudformation, network_repair, settings_repair, with_causes};

/// A direct call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Call {
    RevokeRule {
        group: String,
        #[serde(skip)]
        rule: Rule,
        outbound: bool,
        /// The rule as it is shown.
        shown: String,
    },
    DeleteRoute {
        table: String,
        destination: String,
    },
    DeleteAclEntry {
        acl: String,
        number: i32,
        egress: bool,
    },
    RemoveTag {
        id: String,
        key: String,
    },
    EnableMapping {
        id: String,
    },
    EnableAlarmActions {
        name: String,
    },
    EnableKey {
        id: String,
    },
    DetachPolicy {
        role: String,
        policy: String,
    },
    /// What the rollback of a stack failed at stays as it is.
    EndRollback {
        stack: String,
    },
}

/// The calls that set back what no template says; none where only a person can.
fn calls(difference: &Difference) -> Vec<Call> {
    let Some(id) = difference.physical_id.clone() else { return Vec::new() };
    match (difference.resource_type.as_str(), difference.path.as_str()) {
        ("AWS::Lambda::EventSourceMapping", "/Enabled") => vec![Call::EnableMapping { id }],
        ("AWS::CloudWatch::Alarm", "/ActionsEnabled") => vec![Call::EnableAlarmActions { name: id }],
        ("AWS::KMS::Key", "/Enabled") => vec![Call::EnableKey { id }],
        ("AWS::IAM::Role", "/ManagedPolicyArns") => {
            let attached = difference.actual.as_ref().and_then(Value::as_array).into_iter().flatten();
            let policies = attached.filter_map(Value::as_str);
            policies.map(|policy| Call::DetachPolicy { role: id.clone(), policy: policy.to_owned() }).collect()
        }
        _ => Vec::new(),
    }
}

/// What will restore one stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heaps {
    /// CloudFormation can see it: properties that are otherwise, and resources that are gone.
    pub by_change_set: Vec<Difference>,
    /// It may not, with the resource's logical id.
    pub calls: Vec<(String, Call)>,
    /// A deploy of the release restores it.
    pub by_deploy: Vec<Difference>,
    /// A person must.
    pub left: Vec<Difference>,
}

/// Sorts every difference that nobody accepted.
pub fn sort(drift: &StackDrift) -> Heaps {
    let mut heaps = Heaps::default();
    for difference in drift.open() {
        match (difference.source, difference.kind) {
            (Source::Unmanaged, _) | (_, Kind::Unmanaged) => heaps.left.push(difference.clone()),
            _ if [severity::BY_HAND, severity::BY_CALL].contains(&difference.remedy.as_str()) => {
                match calls(difference) {
                    none if none.is_empty() => heaps.left.push(difference.clone()),
                    calls => heaps
                        .calls
                        .extend(calls.into_iter().map(|call| (difference.resource.clone().unwrap_or_default(), call))),
                }
            }
            (Source::Release, _) if difference.code == severity::NO_STACK => heaps.by_deploy.push(difference.clone()),
            (Source::Release, _) if difference.code == severity::NOT_OURS => heaps.left.push(difference.clone()),
            (Source::Release, _) if difference.path == "/StackStatus" => heaps.left.push(difference.clone()),
            (Source::Release, _) => heaps.by_change_set.push(difference.clone()),
            (_, Kind::Added) => match call(difference) {
                Some(call) => heaps.calls.push((difference.resource.clone().unwrap_or_default(), call)),
                None => heaps.left.push(difference.clone()),
            },
            (_, Kind::Modified | Kind::Deleted) => heaps.by_change_set.push(difference.clone()),
        }
    }
    heaps
}

/// The call that takes out what was added.
fn call(difference: &Difference) -> Option<Call> {
    let id = difference.physical_id.clone()?;
    let mut path = difference.path.splitn(3, '/').skip(1);
    match (path.next()?, path.next()) {
        ("Tags", Some(key)) => Some(Call::RemoveTag { id, key: key.to_owned() }),
        ("Routes", Some(destination)) => Some(Call::DeleteRoute { table: id, destination: destination.to_owned() }),
        ("Entries", Some(entry)) => {
            let (way, number) = entry.split_once('/')?;
            Some(Call::DeleteAclEntry { acl: id, number: number.parse().ok()?, egress: way == "egress" })
        }
        (side @ ("SecurityGroupIngress" | "SecurityGroupEgress"), None) => {
            let outbound = side == "SecurityGroupEgress";
            let actual = difference.actual.as_ref()?;
            Some(Call::RevokeRule { group: id, rule: rule(actual)?, outbound, shown: actual.to_string() })
        }
        _ => None,
    }
}

/// A live rule as [`Rule::shown`] showed it.
fn rule(shown: &Value) -> Option<Rule> {
    let text = |key: &str| shown.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| shown.get(key).and_then(Value::as_i64).and_then(|number| number.try_into().ok());
    let peer = ["CidrIp", "CidrIpv6"].iter().find_map(|key| text(key)).map(Peer::Cidr);
    let group =
        ["SourceSecurityGroupId", "DestinationSecurityGroupId"].iter().find_map(|key| text(key)).map(Peer::Group);
    let list = ["SourcePrefixListId", "DestinationPrefixListId"].iter().find_map(|key| text(key)).map(Peer::PrefixList);
    Some(Rule {
        protocol: text("IpProtocol")?,
        from: number("FromPort"),
        to: number("ToPort"),
        peer: peer.or(group).or(list)?,
    })
}

impl Call {
    /// The call as one would type it.
    pub fn shown(&self) -> String {
        match self {
            Self::RevokeRule { group, outbound, shown, .. } => {
                let side = if *outbound { "egress" } else { "ingress" };
                format!("aws ec2 revoke-security-group-{side} --group-id {group}: {shown}")
            }
            Self::DeleteRoute { table, destination } => {
                format!("aws ec2 delete-route --route-table-id {table}: {destination}")
            }
            Self::DeleteAclEntry { acl, number, egress } => {
                let way = if *egress { "--egress" } else { "--ingress" };
                format!("aws ec2 delete-network-acl-entry --network-acl-id {acl} --rule-number {number} {way}")
            }
            Self::RemoveTag { id, key } => format!("aws ec2 delete-tags --resources {id} --tags Key={key}"),
            Self::EnableMapping { id } => format!("aws lambda update-event-source-mapping --uuid {id} --enabled"),
            Self::EnableAlarmActions { name } => format!("aws cloudwatch enable-alarm-actions --alarm-names {name}"),
            Self::EnableKey { id } => format!("aws kms enable-key --key-id {id}"),
            Self::DetachPolicy { role, policy } => {
                format!("aws iam detach-role-policy --role-name {role} --policy-arn {policy}")
            }
            Self::EndRollback { stack } => {
                format!("aws cloudformation continue-update-rollback --stack-name {stack} --force-rollback")
            }
        }
    }

    /// The property that a change set would name if CloudFormation saw the same.
    fn property(&self) -> &'static str {
        match self {
            Self::RevokeRule { outbound: false, .. } => "/Properties/SecurityGroupIngress",
            Self::RevokeRule { outbound: true, .. } => "/Properties/SecurityGroupEgress",
            Self::RemoveTag { .. } => "/Properties/Tags",
            Self::DeleteRoute { .. } | Self::DeleteAclEntry { .. } => "/Properties/Routes",
            Self::EnableMapping { .. } | Self::EnableKey { .. } => "/Properties/Enabled",
            Self::EnableAlarmActions { .. } => "/Properties/ActionsEnabled",
            Self::DetachPolicy { .. } => "/Properties/ManagedPolicyArns",
            Self::EndRollback { .. } => "/StackStatus",
        }
    }

    /// Whether the change sets of a plan do it already.
    fn is_done_by(&self, resource: &str, plans: &[StackPlan]) -> bool {
        let changes = plans.iter().flat_map(|plan| plan.action.changes());
        changes
            .filter(|change| change.logical_id == resource)
            .any(|change| change.properties.iter().any(|property| property.path.starts_with(self.property())))
    }

    async fn make(&self, session: &Session, desired: &Desired, pace: Pace) -> Result<(), String> {
        let made = match self {
            Self::RevokeRule { group, rule, outbound, .. } => {
                network_repair::revoke(session, group, rule, *outbound).await
            }
            Self::DeleteRoute { table, destination } => network_repair::delete_route(session, table, destination).await,
            Self::DeleteAclEntry { acl, number, egress } => {
                network_repair::delete_acl_entry(session, acl, *number, *egress).await
            }
            Self::RemoveTag { id, key } => {
                network_repair::retag(session, id, &BTreeMap::new(), std::slice::from_ref(key)).await
            }
            Self::EnableMapping { id } => settings_repair::enable_mapping(session, id).await,
            Self::EnableAlarmActions { name } => settings_repair::enable_alarm_actions(session, name).await,
            Self::EnableKey { id } => settings_repair::enable_key(session, id).await,
            Self::DetachPolicy { role, policy } => settings_repair::detach_policy(session, role, policy).await,
            Self::EndRollback { .. } => {
                return end_rollback(session, desired, pace).await.map_err(|error| with_causes(&error));
            }
        };
        made.map_err(|error| error.to_string())
    }
}

/// What `--fix` will do, to be shown first.
#[derive(Debug, Default)]
pub struct Restoration {
    /// Change sets that restore, for the stacks as git says them.
    pub direct: Vec<StackPlan>,
    /// Change sets that make CloudFormation remember what is there, with what their stacks are until the deploy after.
    pub first_step: Vec<(StackPlan, Desired)>,
    /// Tenants that a deploy of the release restores, or ends restoring.
    pub deploy: Vec<Desired>,
    pub calls: Vec<(Desired, Call)>,
    /// Tenant, what, and why or what to do.
    pub left: Vec<(String, String, String)>,
}

impl Restoration {
    /// Nothing that this tool can do.
    pub fn is_empty(&self) -> bool {
        self.direct.is_empty() && self.first_step.is_empty() && self.deploy.is_empty() && self.calls.is_empty()
    }

    /// A plan of these stacks, to be shown and executed as any other.
    pub fn plan(release: &str, stacks: Vec<StackPlan>) -> Plan {
        Plan {
            release: release.to_owned(),
            estate_digest: String::new(),
            offline: false,
            stacks,
            unseen: Vec::new(),
            review: None,
        }
    }
}

/// Plans what restores these stacks.
pub async fn plan(cloud: &Cloud, desired: &[Desired], drifts: &[StackDrift], pace: Pace) -> Restoration {
    let mut found = Restoration::default();
    let desired = ByStack::of(desired);
    for drift in drifts {
        let Some(desired) = desired.get(&drift.place, &drift.stack) else { continue };
        let heaps = sort(drift);
        for left in &heaps.left {
            let what = left.resource.clone().or_else(|| left.physical_id.clone()).unwrap_or_default();
            found.left.push((drift.tenant.clone(), what, left.remedy.clone()));
        }
        let before = found.direct.len();
        if !heaps.by_deploy.is_empty() {
            found.deploy.push(desired.clone());
        } else if !heaps.by_change_set.is_empty() {
            by_change_set(cloud, desired, &heaps.by_change_set, pace, &mut found).await;
        }
        let own = &found.direct[before..];
        let missed: Vec<_> = own.iter().flat_map(|plan| not_restored(plan, &heaps.by_change_set)).collect();
        found.left.extend(missed.into_iter().map(|(what, why)| (drift.tenant.clone(), what, why)));
        let rest = heaps.calls.into_iter().filter(|(resource, call)| !call.is_done_by(resource, own));
        let rest: Vec<_> = rest.map(|(_, call)| (desired.clone(), call)).collect();
        found.calls.extend(rest);
    }
    found
}

/// What a change set that restores does not name, with why it is left.
fn not_restored(plan: &StackPlan, differences: &[Difference]) -> Vec<(String, String)> {
    let changes = plan.action.changes();
    let own = differences.iter().filter(|one| one.source != Source::Release);
    let missed = own.filter_map(|one| {
        let resource = one.resource.as_ref()?;
        let top = one.path.split('/').nth(1).unwrap_or_default();
        let named = |path: &str| path.trim_start_matches('/').trim_start_matches("Properties/").starts_with(top);
        let restored = changes.iter().any(|change| {
            change.logical_id == *resource
                && (change.properties.is_empty() || change.properties.iter().any(|property| named(&property.path)))
        });
        let why = format!("CloudFormation's change set does not restore `{}`: set it back by hand", one.path);
        (!restored).then(|| (resource.clone(), why))
    });
    missed.collect()
}

/// A resource whose restoration failed and rolled its stack's change set back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failed {
    pub tenant: String,
    pub place: Place,
    /// Logical id.
    pub resource: String,
    pub reason: String,
}

/// Plans what restores the stacks in which these failed, without them: each is left to a person by name, and undoes no
/// other. `drifts` are what was found before, `made` the direct calls that were made since: those that the failed change set
/// would have done are made now.
pub async fn without(
    cloud: &Cloud,
    desired: &[Desired],
    drifts: &[StackDrift],
    failed: &BTreeSet<Failed>,
    made: &[(Desired, Call)],
    pace: Pace,
) -> Restoration {
    let mut found = Restoration::default();
    let by_stack = ByStack::of(desired);
    for drift in drifts {
        let own = failed.iter().filter(|one| one.tenant == drift.tenant && one.place == drift.place);
        let own: BTreeMap<&str, &str> = own.map(|one| (one.resource.as_str(), one.reason.as_str())).collect();
        let Some(desired) = by_stack.get(&drift.place, &drift.stack).filter(|_| !own.is_empty()) else { continue };
        let left = |what: &str, why: String| (drift.tenant.clone(), what.to_owned(), why);
        let is_own = |one: &&Difference| one.resource.as_deref().is_some_and(|id| own.contains_key(id));
        let (kept, others): (Vec<&Difference>, Vec<&Difference>) = drift.open().partition(is_own);
        found.left.extend(own.iter().map(|(id, reason)| left(id, format!("it cannot be restored: {reason}"))));
        let own_edits = edits(&kept.into_iter().cloned().collect::<Vec<_>>());
        let is_gone = |id: &&&str| !own_edits.iter().any(|edit| edit.logical_id == **id);
        if let Some(id) = own.keys().find(is_gone) {
            let why = format!("no change set can leave out `{id}`, of which CloudFormation has to make all or nothing");
            found.left.extend(others.iter().filter_map(|one| Some(left(one.resource.as_deref()?, why.clone()))));
            continue;
        }
        let planned = async {
            let session = cloud.session(&desired.place, &desired.access).await.map_err(|error| error.to_string())?;
            let live = cloudformation::stack(&session, &desired.stack).await.map_err(|error| error.to_string())?;
            let planned = restoring_others(&session, desired, live.as_ref(), &own_edits, pace).await;
            planned.map_err(|error| with_causes(&error))
        };
        match planned.await {
            Ok(Some(planned)) => found.first_step.push(planned),
            Ok(None) => {}
            Err(why) => {
                found.left.push(left("its change set", why));
                continue;
            }
        }
        let own: Vec<StackPlan> = found.first_step.last().map(|(plan, _)| plan.clone()).into_iter().collect();
        let is_made = |call: &Call| made.iter().any(|(of, one)| of.stack == desired.stack && one == call);
        let calls = sort(drift).calls.into_iter().filter(|(id, call)| !call.is_done_by(id, &own) && !is_made(call));
        found.calls.extend(calls.map(|(_, call)| (desired.clone(), call)));
    }
    found
}

async fn by_change_set(
    cloud: &Cloud,
    desired: &Desired,
    differences: &[Difference],
    pace: Pace,
    found: &mut Restoration,
) {
    let text: String =
        differences.iter().map(|d| format!("{:?}{}{:?}{:?};", d.resource, d.path, d.expected, d.actual)).collect();
    let restored = async {
        let session = cloud.session(&desired.place, &desired.access).await.map_err(|error| error.to_string())?;
        let live = cloudformation::stack(&session, &desired.stack).await.map_err(|error| error.to_string())?;
        let edits = edits(differences);
        let restored = restoring(&session, desired, live.as_ref(), &edits, &text, pace).await;
        restored.map_err(|error| with_causes(&error))
    };
    let left = |why: String| (desired.tenant.clone(), "its change set".to_owned(), why);
    match restored.await {
        Ok(Restoring::Direct(plan)) => found.direct.push(plan),
        Ok(Restoring::InTwoSteps(plan, adapted)) => {
            let missed = not_restored(
                &plan,
                &differences
                    .iter()
                    .filter(|d| d.kind == Kind::Modified && !d.path.starts_with("/Tags"))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            found.left.extend(missed.into_iter().map(|(what, why)| (desired.tenant.clone(), what, why)));
            found.first_step.push((plan, *adapted));
            found.deploy.push(desired.clone());
            for gone in differences.iter().filter(|d| d.kind == Kind::Deleted && d.path.is_empty()) {
                let what = gone.resource.clone().unwrap_or_default();
                let why = "it is gone, and this endpoint has no change sets that bring back what is gone";
                found.left.push((desired.tenant.clone(), what, why.to_owned()));
            }
        }
        // Release, tags and protection are the deploy's.
        Ok(Restoring::Nothing) if differences.iter().any(|d| d.source == Source::Release) => {
            found.deploy.push(desired.clone());
        }
        Ok(Restoring::Nothing) => found.left.push(left("CloudFormation sees nothing to restore".to_owned())),
        Err(why) => found.left.push(left(why)),
    }
}

/// Properties of which the template can say what is there.
fn edits(differences: &[Difference]) -> Vec<Edit> {
    let each = differences.iter().filter(|d| d.kind == Kind::Modified && d.source != Source::Release);
    each.filter_map(|difference| {
        let (logical_id, actual) = (difference.resource.clone()?, difference.actual.clone()?);
        (!difference.path.starts_with("/Tags")).then(|| Edit { logical_id, path: difference.path.clone(), actual })
    })
    .collect()
}

/// Makes the direct calls, one after the other; what each ended in.
pub async fn make(cloud: &Cloud, calls: &[(Desired, Call)], pace: Pace) -> Vec<(String, Result<(), String>)> {
    let mut ends = Vec::new();
    for (desired, call) in calls {
        let made = async {
            let session = cloud.session(&desired.place, &desired.access).await.map_err(|error| error.to_string())?;
            call.make(&session, desired, pace).await
        };
        ends.push((format!("{}: {}", desired.tenant, call.shown()), made.await));
    }
    ends
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::drift::{DriftStatus, Severity};

    fn difference(source: Source, kind: Kind, path: &str, actual: Option<Value>) -> Difference {
        Difference {
            code: severity::MODIFIED,
            severity: Severity::High,
            kind,
            source,
            resource: Some("It".to_owned()),
            resource_type: "T".to_owned(),
            physical_id: Some("id-1".to_owned()),
            path: path.to_owned(),
            expected: None,
            actual,
            remedy: String::new(),
            carrier: None,
            by: None,
            accepted: None,
        }
    }

    fn sorted(differences: Vec<Difference>) -> Heaps {
        sort(&StackDrift {
            tenant: "acme".to_owned(),
            place: serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap(),
            stack: "org-acme".to_owned(),
            verdict: DriftStatus::Drifted,
            differences,
            checked: 1,
            unchecked: Vec::new(),
            sources: Vec::new(),
            offboarded: false,
            trail: None,
        })
    }

    #[test]
    fn what_was_added_is_taken_out_by_the_call_that_fits() {
        let rule = json!({ "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0" });
        let heaps = sorted(vec![
            difference(Source::Network, Kind::Added, "/SecurityGroupIngress", Some(rule.clone())),
            difference(Source::Network, Kind::Added, "/Routes/0.0.0.0/0", None),
            difference(Source::Network, Kind::Added, "/Entries/egress/60", None),
            difference(Source::Network, Kind::Added, "/Tags/tenantry:x", None),
        ]);
        let shown: Vec<String> = heaps.calls.iter().map(|(_, call)| call.shown()).collect();
        assert_eq!(
            shown,
            [
                format!("aws ec2 revoke-security-group-ingress --group-id id-1: {rule}"),
                "aws ec2 delete-route --route-table-id id-1: 0.0.0.0/0".to_owned(),
                "aws ec2 delete-network-acl-entry --network-acl-id id-1 --rule-number 60 --egress".to_owned(),
                "aws ec2 delete-tags --resources id-1 --tags Key=tenantry:x".to_owned(),
            ]
        );
        assert!(heaps.by_change_set.is_empty() && heaps.left.is_empty());
    }

    #[test]
    fn what_somebody_made_is_left_and_what_a_template_says_is_cloudformations() {
        let heaps = sorted(vec![
            difference(Source::Unmanaged, Kind::Unmanaged, "", None),
            difference(Source::Services, Kind::Modified, "/Timeout", Some(json!(3))),
            difference(Source::Network, Kind::Deleted, "", None),
            difference(Source::Release, Kind::Modified, "/Release", None),
            difference(Source::Release, Kind::Modified, "/StackStatus", None),
        ]);
        assert_eq!((heaps.left.len(), heaps.by_change_set.len(), heaps.calls.len()), (2, 3, 0));
    }

    #[test]
    fn what_is_accepted_is_in_no_heap() {
        let mut accepted = difference(Source::Services, Kind::Modified, "/Timeout", None);
        accepted.accepted = Some(crate::drift::Acceptance { reason: "why".to_owned(), until: "2027-01-01".to_owned() });
        assert_eq!(sorted(vec![accepted]), Heaps::default());
    }
}
