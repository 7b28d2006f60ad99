//! The edge: S3, SQS, HTTP. The only use of the SDK.

pub mod http;
pub mod s3;
pub mod search;
pub mod sqs;

use aws_config::SdkConfig;

/// The SDK's standard configuration, over the one TLS stack of these functions.
pub async fn configuration() -> SdkConfig {
    aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http::for_sdk()).load().await
}
