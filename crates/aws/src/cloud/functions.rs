//! AWS Lambda: the functions of a region, all in a few paginated calls.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::reads::{self, Question, at, field, items, list, properties, segment, text};
use super::{CallError, Session};

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
    let subject = session.place.region.as_str();
    let question = Question::get("lambda", "ListFunctions", subject, "/2015-03-31/functions".to_owned());
    let question = question.pages("NextMarker", "Marker");
    let functions = items(&reads::ask(session, &question).await?, "Functions");
    let of = |function: &Value| {
        let name = session.need(text(function, "FunctionName"), question.operation, subject, "FunctionName")?;
        let arn = session.need(text(function, "FunctionArn"), question.operation, &name, "FunctionArn")?;
        Ok((name.clone(), function_of(name, arn, function)))
    };
    functions.iter().map(of).collect()
}

fn function_of(name: String, arn: String, function: &Value) -> Function {
    let variables = at(function, "Environment.Variables").map_or_else(|| json!({}), std::borrow::Cow::into_owned);
    let systems = items(std::slice::from_ref(function), "FileSystemConfigs").into_iter();
    let systems = systems.map(|one| json!({ "Arn": one["Arn"], "LocalMountPath": one["LocalMountPath"] }));
    let layers = items(std::slice::from_ref(function), "Layers");
    let layers: Vec<String> = layers.iter().filter_map(|layer| text(layer, "Arn")).collect();
    Function {
        name,
        arn,
        vpc: text(function, "VpcConfig.VpcId"),
        code_sha256: text(function, "CodeSha256"),
        properties: properties([
            ("Runtime", field(function, "Runtime")),
            ("Handler", field(function, "Handler")),
            ("Role", field(function, "Role")),
            ("MemorySize", field(function, "MemorySize")),
            ("Timeout", field(function, "Timeout")),
            ("KmsKeyArn", field(function, "KMSKeyArn")),
            ("DeadLetterConfig", json!({ "TargetArn": field(function, "DeadLetterConfig.TargetArn") })),
            ("LoggingConfig", json!({ "LogGroup": field(function, "LoggingConfig.LogGroup") })),
            (
                "VpcConfig",
                json!({
                    "SecurityGroupIds": list(function, "VpcConfig.SecurityGroupIds"),
                    "SubnetIds": list(function, "VpcConfig.SubnetIds"),
                }),
            ),
            ("Environment", json!({ "Variables": variables })),
            ("FileSystemConfigs", systems.collect()),
            ("Layers", json!(layers)),
            ("Architectures", list(function, "Architectures")),
        ]),
    }
}

/// The concurrency that a function has for itself. `GetFunction` tells it too, and has a rate of its own.
pub async fn reserved_concurrency(session: &Session, name: &str) -> Result<Option<i32>, CallError> {
    let question = Question::get("lambda", "GetFunction", name, format!("/2015-03-31/functions/{}", segment(name)));
    let answer = reads::answer(session, &question).await?.body;
    let reserved = at(&answer, "Concurrency.ReservedConcurrentExecutions").and_then(|number| number.as_i64());
    Ok(reserved.and_then(|number| i32::try_from(number).ok()))
}

/// Every event source mapping of the account in the region, by id, by the names that CloudFormation gives them.
pub async fn mappings(session: &Session) -> Result<BTreeMap<String, Map<String, Value>>, CallError> {
    let subject = session.place.region.as_str();
    let path = "/2015-03-31/event-source-mappings".to_owned();
    let question = Question::get("lambda", "ListEventSourceMappings", subject, path).pages("NextMarker", "Marker");
    let mappings = items(&reads::ask(session, &question).await?, "EventSourceMappings");
    let of = |mapping: &Value| {
        let filters = items(std::slice::from_ref(mapping), "FilterCriteria.Filters").into_iter();
        let patterns: Vec<Value> = filters.map(|filter| json!({ "Pattern": filter["Pattern"] })).collect();
        let state = text(mapping, "State").unwrap_or_default().to_lowercase();
        let id = session.need(text(mapping, "UUID"), question.operation, subject, "UUID")?;
        let properties = properties([
            ("Enabled", json!(!state.starts_with("disabl"))),
            ("EventSourceArn", field(mapping, "EventSourceArn")),
            ("BatchSize", field(mapping, "BatchSize")),
            ("FilterCriteria", json!({ "Filters": patterns })),
        ]);
        Ok((id, properties))
    };
    mappings.iter().map(of).collect()
}

/// There is no function of that name.
pub fn function_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("ResourceNotFoundException"))
}
