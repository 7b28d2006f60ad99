//! AWS Lambda: the functions of a region, all in a few paginated calls.

use std::collections::BTreeMap;

use aws_sdk_lambda::types as sdk;
use serde_json::{Map, Value, json};

use super::{CallError, Family, Session};

/// A function, with those properties that ListFunctions tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub name: String,
    pub arn: String,
    /// VPC that it is attached to.
    pub vpc: Option<String>,
    /// SHA-256 of the code that runs, base64.
    pub code_sha256: Option<String>,
    /// By the names that CloudFormation gives them.
    pub properties: Map<String, Value>,
}

/// Every function of the account in the region, by name.
pub async fn all(session: &Session) -> Result<BTreeMap<String, Function>, CallError> {
    const OPERATION: &str = "ListFunctions";
    let subject = session.place.region.as_str();
    let pages = session.lambda.list_functions().into_paginator().send();
    let mut pages = session.pages(Family::Lambda, OPERATION, subject, pages, |page| page.next_marker());
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        for function in page.functions.unwrap_or_default() {
            let function = function_of(session, function)?;
            found.insert(function.name.clone(), function);
        }
    }
    Ok(found)
}

fn function_of(session: &Session, function: sdk::FunctionConfiguration) -> Result<Function, CallError> {
    const OPERATION: &str = "ListFunctions";
    let name = session.need(function.function_name, OPERATION, session.place.region.as_str(), "FunctionName")?;
    let vpc = function.vpc_config;
    let variables: BTreeMap<String, String> =
        function.environment.and_then(|environment| environment.variables).unwrap_or_default().into_iter().collect();
    let layers = function.layers.unwrap_or_default().into_iter().filter_map(|layer| layer.arn);
    let architectures = function.architectures.unwrap_or_default().into_iter();
    let text = |value: Option<String>| value.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from);
    let (groups, subnets) = match &vpc {
        Some(vpc) => (vpc.security_group_ids.clone(), vpc.subnet_ids.clone()),
        None => (None, None),
    };
    let properties = [
        ("Runtime", text(function.runtime.map(|runtime| runtime.as_str().to_owned()))),
        ("Handler", text(function.handler)),
        ("Role", text(function.role)),
        ("MemorySize", json!(function.memory_size)),
        ("Timeout", json!(function.timeout)),
        ("KmsKeyArn", text(function.kms_key_arn)),
        ("DeadLetterConfig", json!({ "TargetArn": text(function.dead_letter_config.and_then(|c| c.target_arn)) })),
        ("LoggingConfig", json!({ "LogGroup": text(function.logging_config.and_then(|c| c.log_group)) })),
        (
            "VpcConfig",
            json!({ "SecurityGroupIds": groups.unwrap_or_default(), "SubnetIds": subnets.unwrap_or_default() }),
        ),
        ("Environment", json!({ "Variables": variables })),
        (
            "FileSystemConfigs",
            function
                .file_system_configs
                .unwrap_or_default()
                .into_iter()
                .map(|system| json!({ "Arn": system.arn, "LocalMountPath": system.local_mount_path }))
                .collect(),
        ),
        ("Layers", json!(layers.collect::<Vec<_>>())),
        ("Architectures", json!(architectures.map(|a| a.as_str().to_owned()).collect::<Vec<_>>())),
    ];
    Ok(Function {
        arn: session.need(function.function_arn, OPERATION, &name, "FunctionArn")?,
        vpc: vpc.and_then(|vpc| vpc.vpc_id).filter(|id| !id.is_empty()),
        code_sha256: function.code_sha256,
        properties: properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        name,
    })
}

/// The concurrency that a function has for itself.
pub async fn reserved_concurrency(session: &Session, name: &str) -> Result<Option<i32>, CallError> {
    session.turn(Family::Lambda).await;
    let answer = session.lambda.get_function_concurrency().function_name(name).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, "GetFunctionConcurrency", name, error))?;
    Ok(answer.reserved_concurrent_executions)
}

/// Every event source mapping of the account in the region, by id, by the names that CloudFormation gives them.
pub async fn mappings(session: &Session) -> Result<BTreeMap<String, Map<String, Value>>, CallError> {
    const OPERATION: &str = "ListEventSourceMappings";
    let subject = session.place.region.as_str();
    let pages = session.lambda.list_event_source_mappings().into_paginator().send();
    let mut pages = session.pages(Family::Lambda, OPERATION, subject, pages, |page| page.next_marker());
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        for mapping in page.event_source_mappings.unwrap_or_default() {
            let filters = mapping.filter_criteria.and_then(|criteria| criteria.filters).unwrap_or_default();
            let patterns: Vec<Value> = filters.into_iter().map(|filter| json!({ "Pattern": filter.pattern })).collect();
            let state = mapping.state.unwrap_or_default().to_lowercase();
            let properties = [
                ("Enabled", json!(!state.starts_with("disabl"))),
                ("EventSourceArn", json!(mapping.event_source_arn)),
                ("BatchSize", json!(mapping.batch_size)),
                ("FilterCriteria", json!({ "Filters": patterns })),
            ];
            let id = session.need(mapping.uuid, OPERATION, subject, "UUID")?;
            found.insert(id, properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        }
    }
    Ok(found)
}

/// There is no function of that name.
pub fn function_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("ResourceNotFoundException"))
}
