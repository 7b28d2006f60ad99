//! AWS CloudFormation: drift detection, the comparison of a stack with what the services tell about its resources.

use aws_sdk_cloudformation::types as sdk;
use serde::{Deserialize, Serialize};

use super::{CallError, Family, Session};

/// Most resources that one detection can be narrowed to. Source: AWS CloudFormation API Reference, "DetectStackDrift".
pub const MOST_RESOURCES: usize = 200;

/// How far a detection has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detection {
    InProgress,
    Complete,
    /// Some resources could not be read; what was found until then can be described.
    Failed {
        reason: String,
    },
}

/// What CloudFormation found about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDrift {
    pub logical_id: String,
    pub resource_type: String,
    pub physical_id: Option<String>,
    pub status: DriftStatus,
    pub reason: Option<String>,
    pub differences: Vec<PropertyDifference>,
}

/// As CloudFormation names them; what it does not name is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftStatus {
    InSync,
    Modified,
    Deleted,
    NotChecked,
    Unknown,
}

/// One property that is not as the template says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyDifference {
    /// `/BucketEncryption/ServerSideEncryptionConfiguration/0`
    pub path: String,
    pub expected: String,
    pub actual: String,
    /// `ADD`, `REMOVE`, `NOT_EQUAL`.
    pub kind: String,
}

/// Starts a detection over these resources, or over all, and gives its id.
pub async fn detect(session: &Session, stack: &str, resources: &[String]) -> Result<String, CallError> {
    const OPERATION: &str = "DetectStackDrift";
    session.turn(Family::CloudFormationDrift).await;
    let call = session.cloudformation.detect_stack_drift().stack_name(stack);
    let call = if resources.is_empty() { call } else { call.set_logical_resource_ids(Some(resources.to_vec())) };
    let answer = call.send().await.map_err(|error| CallError::of(&session.place, OPERATION, stack, error))?;
    session.need(answer.stack_drift_detection_id, OPERATION, stack, "StackDriftDetectionId")
}

/// How far a detection has come.
pub async fn detection(session: &Session, stack: &str, id: &str) -> Result<Detection, CallError> {
    const OPERATION: &str = "DescribeStackDriftDetectionStatus";
    session.turn(Family::CloudFormationRead).await;
    let call = session.cloudformation.describe_stack_drift_detection_status().stack_drift_detection_id(id);
    let answer = call.send().await.map_err(|error| CallError::of(&session.place, OPERATION, stack, error))?;
    let status = session.need(answer.detection_status, OPERATION, stack, "DetectionStatus")?;
    Ok(match status {
        sdk::StackDriftDetectionStatus::DetectionInProgress => Detection::InProgress,
        sdk::StackDriftDetectionStatus::DetectionComplete => Detection::Complete,
        other => {
            let reason = answer.detection_status_reason.unwrap_or_else(|| other.as_str().to_owned());
            Detection::Failed { reason }
        }
    })
}

/// What the last detection found, resources in sync included.
pub async fn drifts(session: &Session, stack: &str) -> Result<Vec<ResourceDrift>, CallError> {
    const OPERATION: &str = "DescribeStackResourceDrifts";
    let call = session.cloudformation.describe_stack_resource_drifts().stack_name(stack).max_results(100);
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        session.turn(Family::CloudFormationRead).await;
        let answer = call.clone().set_next_token(next).send().await;
        let page = answer.map_err(|error| CallError::of(&session.place, OPERATION, stack, error))?;
        for drift in page.stack_resource_drifts.unwrap_or_default() {
            found.push(drift_of(session, stack, drift)?);
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn drift_of(session: &Session, stack: &str, drift: sdk::StackResourceDrift) -> Result<ResourceDrift, CallError> {
    const OPERATION: &str = "DescribeStackResourceDrifts";
    let need = |value, field| session.need(value, OPERATION, stack, field);
    let status = session.need(drift.stack_resource_drift_status, OPERATION, stack, "StackResourceDriftStatus")?;
    let differences = drift.property_differences.unwrap_or_default().into_iter();
    let difference = |difference: sdk::PropertyDifference| {
        Some(PropertyDifference {
            path: difference.property_path?,
            expected: difference.expected_value.unwrap_or_default(),
            actual: difference.actual_value.unwrap_or_default(),
            kind: difference.difference_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        })
    };
    Ok(ResourceDrift {
        logical_id: need(drift.logical_resource_id, "LogicalResourceId")?,
        resource_type: need(drift.resource_type, "ResourceType")?,
        physical_id: drift.physical_resource_id,
        status: match status.as_str() {
            "IN_SYNC" => DriftStatus::InSync,
            "MODIFIED" => DriftStatus::Modified,
            "DELETED" => DriftStatus::Deleted,
            "NOT_CHECKED" => DriftStatus::NotChecked,
            _ => DriftStatus::Unknown,
        },
        reason: drift.drift_status_reason,
        differences: differences.filter_map(difference).collect(),
    })
}
