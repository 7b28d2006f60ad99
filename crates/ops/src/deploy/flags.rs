//! Flags past CloudFormation: what AppConfig has in force for a tenant, and the switch that cannot wait for a deploy.
//!
//! A push makes a version of the tenant's document with one flag changed and deploys it to everybody at once, without the
//! alarms that guard a deployment of the stack: in an emergency one of them is in ALARM, and AppConfig would take the push
//! back. The stack knows nothing of it: what is in force differs from what git says until git says the same and is deployed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::prepare::Pace;
use super::retry::with_retries;
use super::stacks;
use tenantry_aws::cloud::appconfig::{self, Deployment, Ids};
use tenantry_aws::cloud::cloudformation::{self, Resource, stack_does_not_exist};
use tenantry_aws::cloud::{CallError, Cloud, Place, Session, may_pass};
use tenantry_spec::estate::{Estate, Tenant};
use tenantry_spec::flags::{self, Difference, Values};
use tenantry_template::render::names;

/// Logical ids of the template's AppConfig resources.
const APPLICATION: &str = "FlagApplication";
const ENVIRONMENT: &str = "FlagEnvironment";
const PROFILE: &str = "FlagProfile";

/// The document that AppConfig has in force for a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    pub ids: Ids,
    pub deployment: Deployment,
    /// Number of the newest deployment, even if it was taken back.
    pub latest: i32,
    pub document: Value,
}

/// Differences between AppConfig and git.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Pushed {
    /// Number of the hosted version in force.
    pub version: String,
    /// State of its deployment, such as `COMPLETE`.
    pub state: String,
    /// Flags whose value in AppConfig differs from git.
    pub differences: Vec<Difference>,
}

/// Flags in AppConfig.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Delivery {
    /// Flags in AppConfig that differ from git.
    Read(Pushed),
    /// There is no stack, or no deployment yet.
    NotDeployed,
    Unknown {
        /// Why AppConfig could not be read.
        why: String,
    },
}

/// Why a push did not reach the functions.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("another deployment of flags is under way for stack `{stack}`, or was started meanwhile")]
    UnderWay {
        stack: String,
        #[source]
        source: CallError,
    },
    #[error("the flags of stack `{stack}` could not be pushed")]
    Call {
        stack: String,
        #[source]
        source: CallError,
    },
    #[error("AppConfig ended deployment {number} of stack `{stack}` as {state}: the flags are as they were before")]
    Undone { stack: String, number: i32, state: String },
    #[error("deployment {number} of stack `{stack}` is still {state} after {seconds} s; AppConfig continues it")]
    Late { stack: String, number: i32, state: String, seconds: u64 },
    #[error("the alarms of the flags of stack `{stack}` could not be set again: `tenantry drift --fix` does")]
    Unguarded {
        stack: String,
        #[source]
        source: CallError,
    },
}

/// What is in force for a tenant; None while there is nothing.
///
/// # Errors
/// An account that cannot be entered, or a call that was refused or gave no answer.
pub async fn look(cloud: &Cloud, estate: &Estate, tenant: &Tenant) -> Result<Option<InForce>, CallError> {
    let session = session(cloud, estate, tenant).await?;
    in_force(&session, &stack(estate, tenant)).await
}

/// What is in force for tenants beside what git says, by name; at most `concurrency` are looked at at once. Three calls
/// for each.
pub async fn survey(
    cloud: &Cloud,
    estate: &Estate,
    tenants: &[&Tenant],
    concurrency: usize,
) -> BTreeMap<String, Delivery> {
    let looks = tenants.iter().map(|tenant| async move {
        let delivery = match look(cloud, estate, tenant).await {
            Ok(Some(in_force)) => Delivery::Read(pushed(&in_force, &estate.delivered(tenant))),
            Ok(None) => Delivery::NotDeployed,
            Err(error) => Delivery::Unknown { why: error.to_string() },
        };
        (tenant.name.to_string(), delivery)
    });
    stream::iter(looks).buffer_unordered(concurrency.max(1)).collect().await
}

/// The session of a tenant's account and region.
///
/// # Errors
/// An account that cannot be entered.
pub async fn session(cloud: &Cloud, estate: &Estate, tenant: &Tenant) -> Result<Arc<Session>, CallError> {
    let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
    cloud.session(&place, &stacks::access(&estate.fleet, &tenant.spec.account)).await
}

/// Name of a tenant's stack.
pub fn stack(estate: &Estate, tenant: &Tenant) -> String {
    names::stack(&estate.fleet.organisation, tenant.name.as_str())
}

/// What is in force for a stack; None while it has no stack, no AppConfig in it, or never deployed a document.
///
/// # Errors
/// A call that was refused or gave no answer.
pub async fn in_force(session: &Session, stack: &str) -> Result<Option<InForce>, CallError> {
    let resources = match cloudformation::resources(session, stack).await {
        Err(error) if stack_does_not_exist(&error) => return Ok(None),
        answer => answer?,
    };
    let Some(ids) = ids(&resources) else { return Ok(None) };
    let deployments = appconfig::deployments(session, &ids).await?;
    let latest = deployments.first().map_or(0, |newest| newest.number);
    let Some(deployment) = deployments.into_iter().find(Deployment::is_in_force) else { return Ok(None) };
    let document = appconfig::document(session, &ids, &deployment.version).await?;
    Ok(Some(InForce { ids, deployment, latest, document }))
}

/// What is in force beside the values of run time that git says.
pub fn pushed(in_force: &InForce, git: &Values) -> Pushed {
    Pushed {
        version: in_force.deployment.version.clone(),
        state: in_force.deployment.state.clone(),
        differences: flags::differences(git, &flags::values_of(&in_force.document)),
    }
}

fn ids(resources: &[Resource]) -> Option<Ids> {
    let id = |logical_id: &str| {
        let resource = resources.iter().find(|resource| resource.logical_id == logical_id)?;
        // The id may stand behind that of its application.
        Some(resource.physical_id.as_deref()?.rsplit(['|', '/']).next()?.to_owned())
    };
    Some(Ids { application: id(APPLICATION)?, environment: id(ENVIRONMENT)?, profile: id(PROFILE)? })
}

/// Brings a document into force at once, on top of what is in force now, and waits until AppConfig has completed it.
///
/// The environment has no alarms meanwhile: AppConfig rolls a deployment back when one is in ALARM or INSUFFICIENT_DATA.
/// Source: AWS AppConfig User Guide, "Monitoring deployments for automatic rollback".
///
/// # Errors
/// See [`PushError`]; whatever was in force stays so, unless only the alarms could not be set again.
pub async fn push(
    session: &Session,
    stack: &str,
    now: &InForce,
    document: &Value,
    reason: &str,
    pace: Pace,
) -> Result<Deployment, PushError> {
    let ids = &now.ids;
    let failed = |source: CallError| {
        let stack = stack.to_owned();
        if appconfig::is_conflict(&source) {
            PushError::UnderWay { stack, source }
        } else {
            PushError::Call { stack, source }
        }
    };
    let description = format!("tenantry flags push: {reason}");
    let strategy = appconfig::at_once(session).await.map_err(failed)?;
    let version = appconfig::create_version(session, ids, document, &description).await.map_err(failed)?;
    let guards = appconfig::monitors(session, ids).await.map_err(failed)?;
    if !guards.is_empty() {
        appconfig::set_monitors(session, ids, &[]).await.map_err(failed)?;
    }
    let ended = match appconfig::start(session, ids, version, now.latest, &strategy, &description).await {
        Ok(started) => follow(session, stack, ids, started, pace).await.map_err(|error| match error {
            Followed::Call(source) => failed(source),
            Followed::Ended(error) => error,
        }),
        Err(error) => {
            // Nobody deploys the version that was made for this; if it cannot be removed either, it does no harm.
            let _ = appconfig::delete_version(session, ids, version).await;
            Err(failed(error))
        }
    };
    if !guards.is_empty() {
        let unguarded = |source| PushError::Unguarded { stack: stack.to_owned(), source };
        with_retries(pace.poll, may_pass, async || appconfig::set_monitors(session, ids, &guards).await)
            .await
            .map_err(unguarded)?;
    }
    ended
}

enum Followed {
    Call(CallError),
    Ended(PushError),
}

/// Waits until AppConfig has ended a deployment.
async fn follow(
    session: &Session,
    stack: &str,
    ids: &Ids,
    started: Deployment,
    pace: Pace,
) -> Result<Deployment, Followed> {
    let mut now = started;
    let mut waited = Duration::ZERO;
    while now.is_under_way() {
        if waited >= pace.deadline {
            let (stack, seconds) = (stack.to_owned(), pace.deadline.as_secs());
            return Err(Followed::Ended(PushError::Late { stack, number: now.number, state: now.state, seconds }));
        }
        tokio::time::sleep(pace.poll).await;
        waited += pace.poll;
        now = appconfig::deployment(session, ids, now.number).await.map_err(Followed::Call)?;
    }
    if now.is_in_force() {
        Ok(now)
    } else {
        let stack = stack.to_owned();
        Err(Followed::Ended(PushError::Undone { stack, number: now.number, state: now.state }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(logical_id: &str, physical_id: Option<&str>) -> Resource {
        Resource {
            logical_id: logical_id.to_owned(),
            resource_type: String::new(),
            physical_id: physical_id.map(str::to_owned),
            status: String::new(),
            reason: None,
        }
    }

    #[test]
    fn ids_are_reported_alone_or_behind_their_application() {
        let with = |environment| {
            ids(&[
                resource("FlagApplication", Some("app1")),
                resource("FlagEnvironment", environment),
                resource("FlagProfile", Some("app1|prof1")),
            ])
        };
        let expected = Ids { application: "app1".into(), environment: "env1".into(), profile: "prof1".into() };
        assert_eq!(with(Some("app1/env1")), Some(expected.clone()));
        assert_eq!(with(Some("env1")), Some(expected));
        assert_eq!(with(None), None);
    }
}
