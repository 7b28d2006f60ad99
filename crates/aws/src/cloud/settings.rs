//! Settings of buckets and queues by their own APIs, in the words of their CloudFormation types.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Map, Value, json};

use super::{CallError, Family, Session, s3};

/// Encryption and public access of a bucket; nothing when there is no such bucket.
pub async fn bucket(session: &Session, bucket: &str) -> Result<Option<Map<String, Value>>, CallError> {
    let mut found = Map::new();
    session.turn(Family::S3).await;
    let answer = session.s3.get_bucket_encryption().bucket(bucket).send().await;
    match answer.map_err(|error| CallError::of(&session.place, "GetBucketEncryption", bucket, error)) {
        Ok(answer) => {
            let rules = answer.server_side_encryption_configuration.map(|configuration| configuration.rules);
            let rules: Vec<Value> = rules.unwrap_or_default().into_iter().map(rule_of).collect();
            found.insert("BucketEncryption".to_owned(), json!({ "ServerSideEncryptionConfiguration": rules }));
        }
        Err(error) if bucket_does_not_exist(&error) => return Ok(None),
        Err(error) if s3::is_absent(&error) => drop(found.insert("BucketEncryption".to_owned(), Value::Null)),
        Err(error) => return Err(error),
    }
    session.turn(Family::S3).await;
    let answer = session.s3.get_public_access_block().bucket(bucket).send().await;
    let blocks = match answer.map_err(|error| CallError::of(&session.place, "GetPublicAccessBlock", bucket, error)) {
        Ok(answer) => answer.public_access_block_configuration.map_or(Value::Null, |block| {
            json!({
                "BlockPublicAcls": block.block_public_acls.unwrap_or(false),
                "BlockPublicPolicy": block.block_public_policy.unwrap_or(false),
                "IgnorePublicAcls": block.ignore_public_acls.unwrap_or(false),
                "RestrictPublicBuckets": block.restrict_public_buckets.unwrap_or(false),
            })
        }),
        Err(error) if bucket_does_not_exist(&error) => return Ok(None),
        Err(error) if s3::is_absent(&error) => Value::Null,
        Err(error) => return Err(error),
    };
    found.insert("PublicAccessBlockConfiguration".to_owned(), blocks);
    Ok(Some(found))
}

fn rule_of(rule: aws_sdk_s3::types::ServerSideEncryptionRule) -> Value {
    let default = rule.apply_server_side_encryption_by_default;
    let default = default.map(|default| {
        json!({ "SSEAlgorithm": default.sse_algorithm.as_str(), "KMSMasterKeyID": default.kms_master_key_id })
    });
    json!({
        "BucketKeyEnabled": rule.bucket_key_enabled.unwrap_or(false),
        "ServerSideEncryptionByDefault": default,
    })
}

/// What a queue is set to, its policy included; nothing when there is no such queue.
pub async fn queue(session: &Session, url: &str) -> Result<Option<Map<String, Value>>, CallError> {
    session.turn(Family::Sqs).await;
    let answer =
        session.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
    let answer = match answer.map_err(|error| CallError::of(&session.place, "GetQueueAttributes", url, error)) {
        Ok(answer) => answer.attributes.unwrap_or_default(),
        Err(error) if queue_does_not_exist(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let get = |name: QueueAttributeName| answer.get(&name).filter(|text| !text.is_empty());
    let text = |name| get(name).map_or(Value::Null, |text: &String| json!(text));
    let parsed = |name| get(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let properties = [
        ("KmsMasterKeyId", text(QueueAttributeName::KmsMasterKeyId)),
        ("VisibilityTimeout", text(QueueAttributeName::VisibilityTimeout)),
        ("MessageRetentionPeriod", text(QueueAttributeName::MessageRetentionPeriod)),
        ("DelaySeconds", text(QueueAttributeName::DelaySeconds)),
        ("RedrivePolicy", parsed(QueueAttributeName::RedrivePolicy)),
        ("RedriveAllowPolicy", parsed(QueueAttributeName::RedriveAllowPolicy)),
        ("Policy", parsed(QueueAttributeName::Policy)),
    ];
    Ok(Some(properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// There is no bucket of that name.
fn bucket_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("NoSuchBucket"))
}

/// There is no queue of that name; the older protocol and the newer one say it differently.
fn queue_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue"))
}
