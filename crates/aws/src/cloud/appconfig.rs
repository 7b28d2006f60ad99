//! AWS AppConfig: the versions of a configuration, and their deployments.

use aws_sdk_appconfig::types as sdk;
use aws_smithy_types::Blob;
use serde_json::Value;

use super::{CallError, Cause, Family, Session};

/// Name of the strategy of a push: every target at once, and complete right away. The predefined `AppConfig.AllAtOnce`
/// bakes for ten minutes, in which AppConfig takes no other deployment and an alarm takes the push back.
/// Source: AWS AppConfig User Guide, "Using predefined deployment strategies".
const AT_ONCE: &str = "tenantry-at-once";

/// Longest description of a version or deployment. Source: AWS AppConfig API Reference, StartDeployment.
const LONGEST_DESCRIPTION: usize = 1024;

/// The ids of an application's one environment and profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    pub application: String,
    pub environment: String,
    pub profile: String,
}

/// A deployment of a version of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub number: i32,
    /// Number of the hosted version, as text.
    pub version: String,
    /// As AppConfig names it, such as `COMPLETE`.
    pub state: String,
}

impl Deployment {
    /// Whether targets have its version: all of them, or some while it is under way.
    pub fn is_in_force(&self) -> bool {
        matches!(self.state.as_str(), "COMPLETE" | "BAKING" | "DEPLOYING")
    }

    /// Whether it reaches more targets yet, or may still be taken back by an alarm.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state.as_str(), "DEPLOYING" | "VALIDATING" | "BAKING" | "ROLLING_BACK")
    }
}

/// Every deployment of the profile, newest first.
pub async fn deployments(session: &Session, ids: &Ids) -> Result<Vec<Deployment>, CallError> {
    const OPERATION: &str = "ListDeployments";
    let subject = &ids.environment;
    let request = session.appconfig.list_deployments().application_id(&ids.application).environment_id(subject);
    let pages = request.into_paginator().send();
    let mut pages = session.pages(Family::AppConfig, OPERATION, subject, pages, |page| page.next_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        for one in page.items.unwrap_or_default() {
            // An endpoint that does not tell the profile has one profile in the environment.
            if one.configuration_profile_id.as_ref().is_some_and(|profile| *profile != ids.profile) {
                continue;
            }
            let state = session.need(one.state, OPERATION, subject, "State")?.as_str().to_owned();
            let version = session.need(one.configuration_version, OPERATION, subject, "ConfigurationVersion")?;
            found.push(Deployment { number: one.deployment_number, version, state });
        }
    }
    found.sort_by_key(|deployment| std::cmp::Reverse(deployment.number));
    Ok(found)
}

/// The document of a hosted version.
pub async fn document(session: &Session, ids: &Ids, version: &str) -> Result<Value, CallError> {
    const OPERATION: &str = "GetHostedConfigurationVersion";
    let subject = format!("version {version} of profile {}", ids.profile);
    let number: Option<i32> = version.parse().ok();
    let number = session.need(number, OPERATION, &subject, "VersionNumber")?;
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.get_hosted_configuration_version().application_id(&ids.application);
    let answer = request.configuration_profile_id(&ids.profile).version_number(number).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error))?;
    let content = session.need(answer.content, OPERATION, &subject, "Content")?;
    let unreadable = Cause::Unreadable { http_status: 200 };
    serde_json::from_slice(content.as_ref())
        .map_err(|_| CallError::because(&session.place, OPERATION, &subject, unreadable))
}

/// An alarm that takes a deployment of the environment back, and the role with which AppConfig reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    pub alarm: String,
    pub role: Option<String>,
}

/// The alarms of the environment.
pub async fn monitors(session: &Session, ids: &Ids) -> Result<Vec<Monitor>, CallError> {
    const OPERATION: &str = "GetEnvironment";
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.get_environment().application_id(&ids.application);
    let answer = request.environment_id(&ids.environment).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &ids.environment, error))?;
    let monitors = answer.monitors.unwrap_or_default().into_iter();
    Ok(monitors.map(|one| Monitor { alarm: one.alarm_arn, role: one.alarm_role_arn }).collect())
}

/// Sets the alarms of the environment.
pub async fn set_monitors(session: &Session, ids: &Ids, monitors: &[Monitor]) -> Result<(), CallError> {
    const OPERATION: &str = "UpdateEnvironment";
    let failed = |error| CallError::of(&session.place, OPERATION, &ids.environment, error);
    let monitor =
        |one: &Monitor| sdk::Monitor::builder().alarm_arn(&one.alarm).set_alarm_role_arn(one.role.clone()).build().ok();
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.update_environment().application_id(&ids.application);
    let request = request.environment_id(&ids.environment);
    let answer = request.set_monitors(Some(monitors.iter().filter_map(monitor).collect())).send().await;
    answer.map(drop).map_err(failed)
}

/// Id of the strategy of a push; the first push of an account and region makes it. A region takes 20 strategies of an
/// account. Source: AWS AppConfig API Reference, CreateDeploymentStrategy.
pub async fn at_once(session: &Session) -> Result<String, CallError> {
    const LIST: &str = "ListDeploymentStrategies";
    const CREATE: &str = "CreateDeploymentStrategy";
    let pages = session.appconfig.list_deployment_strategies().into_paginator().send();
    let mut pages = session.pages(Family::AppConfig, LIST, AT_ONCE, pages, |page| page.next_token());
    while let Some(page) = pages.next().await? {
        let mut found = page.items.unwrap_or_default().into_iter();
        if let Some(id) = found.find(|one| one.name.as_deref() == Some(AT_ONCE)).and_then(|one| one.id) {
            return Ok(id);
        }
    }
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.create_deployment_strategy().name(AT_ONCE).growth_factor(100.0);
    let request = request.deployment_duration_in_minutes(0).final_bake_time_in_minutes(0);
    let answer = request.replicate_to(sdk::ReplicateTo::None).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, CREATE, AT_ONCE, error))?;
    session.need(answer.id, CREATE, AT_ONCE, "Id")
}

/// Makes a version of the profile; its number.
pub async fn create_version(
    session: &Session,
    ids: &Ids,
    content: &Value,
    description: &str,
) -> Result<i32, CallError> {
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.create_hosted_configuration_version().application_id(&ids.application);
    let request = request.configuration_profile_id(&ids.profile).content_type("application/json");
    let request = request.description(shortened(description));
    let answer = request.content(Blob::new(content.to_string())).send().await;
    let answer =
        answer.map_err(|e| CallError::of(&session.place, "CreateHostedConfigurationVersion", &ids.profile, e))?;
    Ok(answer.version_number)
}

/// Starts to deploy a version, after deployment `latest` and refused if somebody started another since; what it is
/// right after.
pub async fn start(
    session: &Session,
    ids: &Ids,
    version: i32,
    latest: i32,
    strategy: &str,
    description: &str,
) -> Result<Deployment, CallError> {
    const OPERATION: &str = "StartDeployment";
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.start_deployment().application_id(&ids.application);
    let request = request.environment_id(&ids.environment).configuration_profile_id(&ids.profile);
    let request = request.configuration_version(version.to_string()).deployment_strategy_id(strategy);
    let request = request.latest_deployment_number(latest).description(shortened(description));
    let answer = request.send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &ids.environment, error))?;
    let state = session.need(answer.state, OPERATION, &ids.environment, "State")?.as_str().to_owned();
    Ok(Deployment { number: answer.deployment_number, version: version.to_string(), state })
}

/// A deployment as it is now.
pub async fn deployment(session: &Session, ids: &Ids, number: i32) -> Result<Deployment, CallError> {
    const OPERATION: &str = "GetDeployment";
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.get_deployment().application_id(&ids.application);
    let answer = request.environment_id(&ids.environment).deployment_number(number).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &ids.environment, error))?;
    let state = session.need(answer.state, OPERATION, &ids.environment, "State")?.as_str().to_owned();
    let version = session.need(answer.configuration_version, OPERATION, &ids.environment, "ConfigurationVersion")?;
    Ok(Deployment { number, version, state })
}

/// Removes a version that nothing deploys.
pub async fn delete_version(session: &Session, ids: &Ids, version: i32) -> Result<(), CallError> {
    session.turn(Family::AppConfig).await;
    let request = session.appconfig.delete_hosted_configuration_version().application_id(&ids.application);
    let answer = request.configuration_profile_id(&ids.profile).version_number(version).send().await;
    answer.map_err(|e| CallError::of(&session.place, "DeleteHostedConfigurationVersion", &ids.profile, e))?;
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_DESCRIPTION).collect()
}

/// A deployment is under way in the environment, or somebody else was first.
pub fn is_conflict(error: &CallError) -> bool {
    error.code() == Some("ConflictException")
}

/// What was asked for is not there.
pub fn is_absent(error: &CallError) -> bool {
    error.code() == Some("ResourceNotFoundException")
}
