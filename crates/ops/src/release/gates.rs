//! The gates of a wave: what is looked at in each tenant while a release bakes.
//!
//! A gate has three answers. What could not be read is not green: it never lets a wave pass, and it is no reason to
//! undo one either.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use crate::deploy::prepare::Pace;
use crate::deploy::{Baseline, Desired, State};
use crate::drift::accepted::Accepted;
use crate::drift::{Severity, StackDrift, check};
use tenantry_aws::cloud::cloudformation::{self, Resource, Stack};
use tenantry_aws::cloud::cloudwatch::{self, AlarmState};
use tenantry_aws::cloud::{CallError, Cloud, Place, Session, sqs};
use tenantry_blueprint::Watch;
use tenantry_checks::handbook::is_alarm;
use tenantry_spec::estate::rings::{Gate, GateCommand, Ring, duration};

/// Evaluation of a gate for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Look {
    /// Name of the tenant.
    pub tenant: String,
    /// `alarms`, or the name of a command.
    pub gate: String,
    /// Result of the gate.
    pub verdict: GateStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum GateStatus {
    Passed,
    Failed {
        /// What failed.
        why: String,
    },
    /// It could not be read.
    Unknown {
        /// Why the gate could not be evaluated.
        why: String,
    },
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (tenant, gate) = (&self.tenant, &self.gate);
        match &self.verdict {
            GateStatus::Passed => write!(f, "gate `{gate}` of {tenant} passed"),
            GateStatus::Failed { why } => write!(f, "gate `{gate}` of {tenant} failed: {why}"),
            GateStatus::Unknown { why } => write!(f, "gate `{gate}` of {tenant} is unknown: {why}"),
        }
    }
}

/// What is looked at.
#[derive(Debug)]
pub struct Watched<'a> {
    pub ring: &'a Ring,
    pub tenants: &'a [&'a Desired],
    /// What the blueprint says of queues and alarms.
    pub watch: &'a Watch,
    /// The release's own files, in which commands run.
    pub root: &'a Path,
    /// The day, and what drift may stay on it.
    pub today: Date,
    pub accepted: &'a Accepted,
    pub when: When,
    pub pace: Pace,
    pub concurrency: usize,
}

/// When gates are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the wave is deployed: only what tells of the tenant as it is, whatever release it has.
    Before,
    Baking,
    /// The bake is over. Drift is searched for and commands run only then, because they take their time.
    Over,
}

impl Watched<'_> {
    fn is_over(&self) -> bool {
        self.when == When::Over
    }

    fn drift(&self) -> bool {
        self.is_over() && self.ring.gates.contains(&Gate::Drift)
    }
}

/// Looks at every gate of every tenant once.
pub async fn look(cloud: &Cloud, watched: &Watched<'_>) -> Vec<Look> {
    let mut places: BTreeMap<&Place, Vec<&Desired>> = BTreeMap::new();
    for desired in watched.tenants {
        places.entry(&desired.place).or_default().push(desired);
    }
    let mut looks = Vec::new();
    for (place, tenants) in places {
        let seen = async {
            let access = tenants.first().map(|desired| desired.access.clone()).unwrap_or_default();
            let session = cloud.session(place, &access).await?;
            let live = cloudformation::stacks(&session).await?;
            Ok::<_, CallError>((session, live))
        };
        match seen.await {
            Err(error) => {
                let why = error.to_string();
                let unread =
                    tenants.iter().flat_map(|desired| all(watched, desired, &GateStatus::Unknown { why: why.clone() }));
                looks.extend(unread);
            }
            Ok((session, live)) => {
                let each = tenants.iter().map(|desired| tenant(&session, watched, desired, live.get(&desired.stack)));
                let seen: Vec<Vec<Look>> =
                    stream::iter(each).buffer_unordered(watched.concurrency.max(1)).collect().await;
                looks.extend(seen.into_iter().flatten());
            }
        }
    }
    if watched.drift() {
        looks.extend(drift(cloud, watched).await);
    }
    looks.sort_by(|a, b| (&a.tenant, &a.gate).cmp(&(&b.tenant, &b.gate)));
    looks
}

/// The same verdict for every gate of a tenant but drift, which is looked for by itself.
fn all(watched: &Watched<'_>, desired: &Desired, verdict: &GateStatus) -> Vec<Look> {
    let quick = watched.ring.gates.iter().filter(|gate| **gate != Gate::Drift);
    let gates = quick.map(|gate| gate.name().to_owned());
    let commands = watched.ring.commands.iter().filter(|_| watched.is_over()).map(|command| command.name.clone());
    let look = |gate| Look { tenant: desired.tenant.clone(), gate, verdict: verdict.clone() };
    gates.chain(commands).map(look).collect()
}

async fn tenant(session: &Session, watched: &Watched<'_>, desired: &Desired, live: Option<&Stack>) -> Vec<Look> {
    let mut looks = Vec::new();
    if desired.offboarded && live.is_none() {
        return looks;
    }
    for gate in &watched.ring.gates {
        let verdict = match gate {
            Gate::StackState if watched.when == When::Before => continue,
            Gate::StackState => Ok(stack_state(desired, &Baseline::of(live))),
            Gate::Drift => continue,
            Gate::Alarms => alarms(session, &watched.watch.ignored_alarms, desired).await,
            Gate::QueueDepth => queue_depth(session, &watched.watch.queues, desired).await,
        };
        let verdict = verdict.unwrap_or_else(|error| GateStatus::Unknown { why: error.to_string() });
        looks.push(Look { tenant: desired.tenant.clone(), gate: gate.name().to_owned(), verdict });
    }
    for command in watched.ring.commands.iter().filter(|_| watched.is_over()) {
        let verdict = self::command(command, watched, desired).await;
        looks.push(Look { tenant: desired.tenant.clone(), gate: command.name.clone(), verdict });
    }
    looks
}

/// The stack has the release, and CloudFormation is at rest.
fn stack_state(desired: &Desired, baseline: &Baseline) -> GateStatus {
    let status = baseline.status.as_deref();
    let shown = status.unwrap_or("no stack");
    match State::of(status) {
        State::Settled if baseline.release.as_ref() == Some(&desired.release) => GateStatus::Passed,
        State::InProgress => GateStatus::Unknown { why: format!("the stack is {shown}") },
        // A stack that fails goes back to what it was with another status: this was deployed by hand.
        State::Settled => GateStatus::Unknown {
            why: format!("release `{}` was deployed by hand", baseline.release.as_deref().unwrap_or("none")),
        },
        _ => GateStatus::Failed {
            why: format!("the stack is {shown} with release `{}`", baseline.release.as_deref().unwrap_or("none")),
        },
    }
}

/// Every stack is as the release says, whichever source tells: a difference that nobody accepted fails, what could not
/// be checked is not green. A changed tag, or one that outlives its resource, undoes no wave.
async fn drift(cloud: &Cloud, watched: &Watched<'_>) -> Vec<Look> {
    let desired: Vec<Desired> = watched.tenants.iter().map(|desired| (*desired).clone()).collect();
    let options = check::Options { pace: watched.pace, concurrency: watched.concurrency, lookups: 0 };
    let mut drifts = check::check(cloud, &desired, &options, &|_| {}).await;
    watched.accepted.apply(&mut drifts, watched.today);
    let look = |drift: &StackDrift| Look {
        tenant: drift.tenant.clone(),
        gate: Gate::Drift.name().to_owned(),
        verdict: drifted(drift),
    };
    drifts.iter().map(look).collect()
}

fn drifted(drift: &StackDrift) -> GateStatus {
    let mut open = drift.open().filter(|difference| difference.severity > Severity::Low);
    if let Some(worst) = open.next() {
        let resource = worst.resource.as_deref().or(worst.physical_id.as_deref()).unwrap_or("the stack");
        let others = match open.count() {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        return GateStatus::Failed { why: format!("`{resource}` differs at `{}`{others}", worst.path) };
    }
    let unseen = drift.sources.iter().flat_map(|source| &source.unseen).next().cloned();
    let unchecked = drift.unchecked.first().map(|unchecked| format!("`{}`: {}", unchecked.resource, unchecked.why));
    unseen.or(unchecked).map_or(GateStatus::Passed, |why| GateStatus::Unknown { why })
}

/// No alarm of the stack is in ALARM, and each has a state; those that the blueprint leaves out are not looked at.
async fn alarms(session: &Session, ignored: &[String], desired: &Desired) -> Result<GateStatus, CallError> {
    let resources = cloudformation::resources(session, &desired.stack).await?;
    let is_looked_at =
        |resource: &Resource| is_alarm(&resource.resource_type) && !ignored.contains(&resource.logical_id);
    let own = resources.into_iter().filter(is_looked_at);
    let names: Vec<String> = own.filter_map(|resource| resource.physical_id).collect();
    if names.is_empty() {
        return Ok(GateStatus::Unknown { why: "the stack has no alarm".to_owned() });
    }
    let alarms = cloudwatch::alarms(session, &names).await?;
    if let Some(firing) = alarms.iter().find(|alarm| alarm.state == AlarmState::Alarm) {
        let since = firing.since.and_then(|since| jiff::Timestamp::from_second(since).ok());
        let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
        return Ok(GateStatus::Failed { why: format!("`{}` is in ALARM{since}: {}", firing.name, firing.reason) });
    }
    if let Some(gone) = names.iter().find(|name| alarms.iter().all(|alarm| alarm.name != **name)) {
        return Ok(GateStatus::Unknown { why: format!("alarm `{gone}` does not exist") });
    }
    let silent = alarms.iter().find(|alarm| alarm.state == AlarmState::InsufficientData);
    Ok(silent.map_or(GateStatus::Passed, |alarm| GateStatus::Unknown {
        why: format!("`{}` has insufficient data: {}", alarm.name, alarm.reason),
    }))
}

/// No message waits in the queues that the blueprint watches; a blueprint without such queues has nothing to look at.
async fn queue_depth(
    session: &Session,
    queues: &BTreeMap<String, String>,
    desired: &Desired,
) -> Result<GateStatus, CallError> {
    if queues.is_empty() {
        return Ok(GateStatus::Passed);
    }
    let resources = cloudformation::resources(session, &desired.stack).await?;
    for (name, id) in queues {
        let found = resources.iter().find(|resource| resource.logical_id == *id);
        let Some(url) = found.and_then(|resource| resource.physical_id.as_deref()) else {
            return Ok(GateStatus::Unknown { why: format!("the stack has no queue `{id}`") });
        };
        match sqs::depth(session, url).await? {
            0 => {}
            1 => return Ok(GateStatus::Failed { why: format!("a message waits in the queue `{name}`") }),
            depth => return Ok(GateStatus::Failed { why: format!("{depth} messages wait in the queue `{name}`") }),
        }
    }
    Ok(GateStatus::Passed)
}

/// What a command of the ring says about a tenant.
async fn command(command: &GateCommand, watched: &Watched<'_>, desired: &Desired) -> GateStatus {
    let Some((program, arguments)) = command.run.split_first() else {
        return GateStatus::Unknown { why: "it names no program".to_owned() };
    };
    let timeout = duration(&command.timeout).and_then(|timeout| Duration::try_from(timeout).ok());
    let timeout = timeout.unwrap_or(Duration::from_secs(60));
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(watched.root)
        .env("TENANTRY_TENANT", &desired.tenant)
        .env("TENANTRY_RELEASE", &desired.release)
        .env("TENANTRY_RING", watched.ring.name.as_str())
        .env("TENANTRY_ACCOUNT", desired.place.account.as_str())
        .env("TENANTRY_REGION", desired.place.region.as_str())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(timeout, child).await {
        Err(_) => return GateStatus::Unknown { why: format!("no answer in {}", command.timeout) },
        Ok(Err(error)) => return GateStatus::Unknown { why: format!("`{program}` cannot be run: {error}") },
        Ok(Ok(output)) => output,
    };
    let said = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned();
    match output.status.code() {
        Some(0) => GateStatus::Passed,
        Some(1) => GateStatus::Failed { why: said },
        _ => GateStatus::Unknown { why: format!("{}: {said}", output.status) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::prepare::Alarms;
    use tenantry_aws::cloud::Access;

    fn desired() -> Desired {
        Desired {
            tenant: "acme".to_owned(),
            ring: None,
            place: Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() },
            access: Access::default(),
            stack: "org-acme".to_owned(),
            body: "{}".to_owned(),
            digest: "d".to_owned(),
            release: "v2".to_owned(),
            tags: BTreeMap::new(),
            artifacts: None,
            uploads: Vec::new(),
            offboarded: false,
            control_plane: 0,
            rollback_triggers: Vec::new(),
        }
    }

    #[test]
    fn only_a_stack_at_rest_with_the_release_is_green() {
        let baseline = |status: &str, release: &str| Baseline {
            status: Some(status.to_owned()),
            release: Some(release.to_owned()),
            ..Baseline::default()
        };
        assert_eq!(stack_state(&desired(), &baseline("UPDATE_COMPLETE", "v2")), GateStatus::Passed);
        assert!(matches!(stack_state(&desired(), &baseline("UPDATE_COMPLETE", "v1")), GateStatus::Unknown { .. }));
        assert!(matches!(
            stack_state(&desired(), &baseline("UPDATE_ROLLBACK_COMPLETE", "v2")),
            GateStatus::Failed { .. }
        ));
        assert!(matches!(stack_state(&desired(), &baseline("UPDATE_IN_PROGRESS", "v2")), GateStatus::Unknown { .. }));
        assert!(matches!(stack_state(&desired(), &Baseline::default()), GateStatus::Failed { .. }));
    }

    #[tokio::test]
    async fn a_command_says_yes_no_or_nothing() {
        let ring: Ring = serde_json::from_value(serde_json::json!({ "name": "canary", "bake": "1m" })).unwrap();
        let desired = desired();
        let tenants = [&desired];
        let watched = Watched {
            ring: &ring,
            tenants: &tenants,
            watch: &Watch::default(),
            root: Path::new("/"),
            today: Date::MIN,
            accepted: &Accepted::default(),
            when: When::Over,
            pace: Pace { poll: Duration::ZERO, deadline: Duration::ZERO, alarms: Alarms::Ignored },
            concurrency: 1,
        };
        let run = |run: &[&str], timeout: &str| GateCommand {
            name: "smoke".to_owned(),
            run: run.iter().map(|part| (*part).to_owned()).collect(),
            timeout: timeout.to_owned(),
        };
        let sh = |script: &str, timeout: &str| run(&["/bin/sh", "-c", script], timeout);
        let verdict = async |gate: GateCommand| command(&gate, &watched, &desired).await;
        assert_eq!(
            verdict(sh("test $TENANTRY_TENANT/$TENANTRY_RELEASE/$TENANTRY_RING = acme/v2/canary", "9s")).await,
            GateStatus::Passed
        );
        assert_eq!(verdict(sh("echo broken >&2; exit 1", "9s")).await, GateStatus::Failed { why: "broken".to_owned() });
        assert!(matches!(verdict(sh("exit 7", "9s")).await, GateStatus::Unknown { .. }));
        assert!(matches!(verdict(run(&["/no/such/program"], "9s")).await, GateStatus::Unknown { .. }));
        assert!(matches!(verdict(sh("sleep 60", "0s")).await, GateStatus::Unknown { why } if why == "no answer in 0s"));
    }
}
