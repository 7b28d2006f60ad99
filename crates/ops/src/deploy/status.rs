//! The fleet at a glance: each tenant's stack beside what git says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::ownership::{Ownership, has_owner, of_tags};
use super::{Baseline, Desired, State};
use tenantry_aws::cloud::cloudformation;
use tenantry_aws::cloud::cloudwatch::{self, Alarm};
use tenantry_aws::cloud::{CallError, Cloud, Place};
use tenantry_checks::handbook::is_alarm;

/// One tenant's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line {
    /// Name of the tenant; `(control plane)` for a control plane's stack.
    pub tenant: String,
    /// Release ring; null for a control plane.
    pub ring: Option<String>,
    /// Account and Region.
    pub place: Place,
    /// CloudFormation stack status, such as `UPDATE_COMPLETE`; null if the stack does not exist or could not be read.
    pub status: Option<String>,
    /// Release of the deployed stack; null if it does not exist or could not be read.
    pub release: Option<String>,
    /// Digest of the deployed template; null if the stack does not exist or could not be read.
    pub digest: Option<String>,
    /// Seconds since 1970.
    pub updated: Option<i64>,
    /// The last operation ran in EXPRESS mode, in which CloudFormation does not wait for resources to stabilize: the
    /// status does not show whether they work.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub express: bool,
    /// CloudFormation's last drift detection; null if it never ran.
    pub drift: Option<Detected>,
    /// Null if the alarms could not be read.
    pub alarms: Option<Alarms>,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`, by the logical ID of the alarm.
    #[serde(skip)]
    pub alarm_states: BTreeMap<String, String>,
    /// The deployed template and release, compared with git.
    pub verdict: SyncStatus,
}

/// What CloudFormation's last drift detection found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detected {
    /// Seconds since 1970.
    pub at: i64,
    /// `IN_SYNC`, `DRIFTED`, …
    pub status: String,
}

/// The alarms of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Alarms {
    /// Number of alarms in ALARM.
    pub firing: usize,
    /// Number of alarms in INSUFFICIENT_DATA.
    pub insufficient: usize,
    /// Number of alarms in the stack.
    pub all: usize,
}

/// The stack's template and release compared with git. Changes outside CloudFormation are drift, and not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum SyncStatus {
    Current,
    /// The last operation succeeded, with another digest or release than git's.
    Outdated,
    Missing,
    /// There is no stack, because the tenant was offboarded.
    Offboarded,
    InProgress,
    /// The last operation failed, or the stack needs an operator.
    Failed,
    /// A stack of this name is not owned by this estate.
    NotOurs {
        /// Why the stack does not belong to this estate.
        why: String,
    },
    Unknown {
        /// Why the stack could not be read.
        why: String,
    },
}

/// Every tenant's line, sorted: two paginated calls per account and region.
pub async fn status(cloud: &Cloud, desired: &[Desired]) -> Vec<Line> {
    let mut places: BTreeMap<&Place, Vec<&Desired>> = BTreeMap::new();
    for desired in desired {
        places.entry(&desired.place).or_default().push(desired);
    }
    let looks = places.into_iter().map(|(place, desired)| async move {
        let seen = async {
            let access = desired.first().map(|desired| desired.access.clone()).unwrap_or_default();
            let session = cloud.session(place, &access).await?;
            let prefix = desired.first().and_then(|first| first.stack.split_once('-')).map_or("", |(name, _)| name);
            let (stacks, alarms) =
                tokio::join!(cloudformation::stacks(&session), cloudwatch::with_prefix(&session, prefix));
            Ok((stacks?, alarms.ok().map(by_name)))
        };
        let seen: Result<_, CallError> = seen.await;
        desired
            .into_iter()
            .map(|desired| match &seen {
                Ok((live, alarms)) => {
                    let stack = live.get(&desired.stack);
                    let alarm_states = alarms.as_ref().map(|alarms| of_stack(alarms, desired));
                    let alarms = alarm_states.as_ref().map(Alarms::of);
                    let alarm_states = alarm_states.unwrap_or_default();
                    let drift = stack.and_then(|s| Some(Detected { at: s.drift_checked?, status: s.drift.clone()? }));
                    let line = line(desired, &Baseline::of(stack));
                    match stack.filter(|stack| has_owner(stack)).map(|stack| of_tags(&stack.tags, &desired.tags)) {
                        Some(Ownership::Other(why)) => Line { verdict: SyncStatus::NotOurs { why }, ..line },
                        _ => {
                            let express = stack.is_some_and(|stack| stack.express);
                            Line { alarms, alarm_states, drift, express, ..line }
                        }
                    }
                }
                Err(error) => with(desired, &Baseline::default(), SyncStatus::Unknown { why: error.to_string() }),
            })
            .collect::<Vec<_>>()
    });
    let mut lines = futures::future::join_all(looks).await.concat();
    lines.sort_by(|a, b| (&a.tenant, &a.place).cmp(&(&b.tenant, &b.place)));
    lines
}

fn by_name(alarms: Vec<Alarm>) -> BTreeMap<String, Alarm> {
    alarms.into_iter().map(|alarm| (alarm.name.clone(), alarm)).collect()
}

impl Alarms {
    fn of(states: &BTreeMap<String, String>) -> Self {
        let count = |wanted: &str| states.values().filter(|state| *state == wanted).count();
        Self { firing: count("ALARM"), insufficient: count("INSUFFICIENT_DATA"), all: states.len() }
    }
}

/// The states of the alarms that the stack's template declares, by logical ID: a name that starts as the stack's may be
/// another's, so that `org-two-more-depth` is not an alarm of `org-two`.
fn of_stack(alarms: &BTreeMap<String, Alarm>, desired: &Desired) -> BTreeMap<String, String> {
    let tree: Value = serde_json::from_str(&desired.body).unwrap_or_default();
    let state = |(id, alarm): (&String, &Value)| {
        let found = match alarm.get("Properties").and_then(|properties| properties.get("AlarmName")?.as_str()) {
            Some(name) => alarms.get(name),
            // CloudFormation names it: stack, logical id and letters of chance, without a hyphen.
            None => {
                let start = format!("{}-{id}-", desired.stack);
                let is_it = |name: &str| name.strip_prefix(&start).is_some_and(|rest| !rest.contains('-'));
                alarms.values().find(|alarm| is_it(&alarm.name))
            }
        };
        Some((id.clone(), found?.state.name().to_owned()))
    };
    let resources = tree["Resources"].as_object().into_iter().flatten();
    let declared = resources.filter(|(_, resource)| resource["Type"].as_str().is_some_and(is_alarm));
    declared.filter_map(state).collect()
}

fn line(desired: &Desired, baseline: &Baseline) -> Line {
    let same = baseline.digest.as_ref() == Some(&desired.digest) && baseline.release.as_ref() == Some(&desired.release);
    let verdict = match State::of(baseline.status.as_deref()) {
        State::Absent if desired.offboarded => SyncStatus::Offboarded,
        State::Absent => SyncStatus::Missing,
        State::InProgress => SyncStatus::InProgress,
        State::FailedCreation | State::Stuck => SyncStatus::Failed,
        State::Settled | State::RolledBack if same => SyncStatus::Current,
        State::RolledBack => SyncStatus::Failed,
        State::Settled => SyncStatus::Outdated,
    };
    with(desired, baseline, verdict)
}

fn with(desired: &Desired, baseline: &Baseline, verdict: SyncStatus) -> Line {
    Line {
        tenant: desired.tenant.clone(),
        ring: desired.ring.clone(),
        place: desired.place.clone(),
        status: baseline.status.clone(),
        release: baseline.release.clone(),
        digest: baseline.digest.clone(),
        express: false,
        drift: None,
        alarms: None,
        alarm_states: BTreeMap::new(),
        updated: baseline.updated,
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenantry_aws::cloud::cloudwatch::AlarmState;

    use super::*;

    #[test]
    fn alarms_are_those_that_the_template_declares_whatever_others_are_called() {
        let alarm = |properties: Value| json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties });
        let body = json!({ "Resources": { "Depth": alarm(json!({ "AlarmName": "org-two-depth" })),
            "Age": alarm(json!({ "AlarmName": "two/age" })), "Nameless": alarm(json!({})),
            "Gone": alarm(json!({ "AlarmName": "org-two-gone" })),
            "Whole": { "Type": "AWS::CloudWatch::CompositeAlarm", "Properties": { "AlarmName": "org-two-whole" } }, "Queue": { "Type": "AWS::SQS::Queue" } } });
        let desired = Desired {
            tenant: "two".to_owned(),
            ring: None,
            place: serde_json::from_value(json!({ "account": "111122223333", "region": "eu-west-1" })).unwrap(),
            access: tenantry_aws::cloud::Access::default(),
            stack: "org-two".to_owned(),
            body: body.to_string(),
            digest: String::new(),
            release: String::new(),
            artifacts: None,
            uploads: Vec::new(),
            tags: BTreeMap::new(),
            control_plane: 0,
            rollback_triggers: Vec::new(),
            offboarded: false,
        };
        let live = [
            ("org-two-depth", AlarmState::Alarm),
            ("two/age", AlarmState::InsufficientData),
            ("org-two-Nameless-1ABCDEF", AlarmState::Ok),
            ("org-two-whole", AlarmState::Ok),
            // Those of another tenant, whose stack may or may not be there, and of another's nameless one.
            ("org-two-more-depth", AlarmState::Alarm),
            ("org-two-Nameless-more-1ABCDEF", AlarmState::Alarm),
        ];
        let live = live.map(|(name, state)| Alarm {
            name: name.to_owned(),
            kind: cloudwatch::METRIC,
            state,
            reason: String::new(),
            since: None,
            actions: Vec::new(),
        });
        let states = of_stack(&by_name(live.into()), &desired);
        assert_eq!(states["Nameless"], "OK");
        assert_eq!(Alarms::of(&states), Alarms { firing: 1, insufficient: 1, all: 4 });
    }
}
