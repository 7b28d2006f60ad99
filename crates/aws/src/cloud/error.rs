//! What a call to AWS can end in, and which of the known reasons it was.

use std::error::Error;
use std::io;
use std::path::Path;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Place;

/// A call that gave no answer that can be used: which operation, on which thing, where.
#[derive(Debug, thiserror::Error)]
#[error("{operation} on `{subject}` failed in account {} in {}: {cause}", .place.account, .place.region)]
pub struct CallError {
    /// The operation as AWS names it.
    pub operation: &'static str,
    /// The stack, bucket, role or account that it was about.
    pub subject: String,
    pub place: Place,
    pub cause: Cause,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    #[error("{code}: {message}")]
    Refused { code: String, message: String, http_status: u16 },
    #[error("the endpoint cannot be reached")]
    Unreachable,
    #[error("the connection broke before the answer came")]
    Interrupted,
    #[error("no answer in time")]
    TimedOut,
    #[error("no credentials could be loaded")]
    NoCredentials,
    #[error("the role could not be assumed ({code}: {message})")]
    RoleDenied { code: String, message: String },
    #[error("the request could not be built")]
    Unsendable,
    #[error("the answer could not be read (HTTP {http_status})")]
    Unreadable { http_status: u16 },
    #[error("the answer lacks `{field}`")]
    Missing { field: &'static str },
    #[error("these credentials are of account {actual}")]
    WrongAccount { actual: String },
    #[error("the file cannot be sent: {why}")]
    File { why: String },
}

impl CallError {
    /// The error of an SDK call.
    pub(super) fn of<E>(place: &Place, operation: &'static str, subject: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let cause = match &error {
            SdkError::ServiceError(context) => refused(context.err(), context.raw().status().as_u16()),
            SdkError::TimeoutError(_) => Cause::TimedOut,
            SdkError::DispatchFailure(failure) => {
                let credentials = failure.as_connector_error().and_then(|error| credentials_cause(error));
                credentials.unwrap_or_else(|| {
                    if failure.is_timeout() {
                        Cause::TimedOut
                    } else if was_connected(failure.as_connector_error()) {
                        Cause::Interrupted
                    } else {
                        Cause::Unreachable
                    }
                })
            }
            SdkError::ResponseError(context) => Cause::Unreadable { http_status: context.raw().status().as_u16() },
            other => credentials_cause(other).unwrap_or(Cause::Unsendable),
        };
        let source = match cause {
            Cause::Refused { .. } | Cause::RoleDenied { .. } => None,
            _ => Some(Box::new(error) as Box<dyn Error + Send + Sync>),
        };
        Self { operation, subject: subject.to_owned(), place: place.clone(), cause, source }
    }

    /// An error that no SDK error stands behind.
    pub(super) fn because(place: &Place, operation: &'static str, subject: &str, cause: Cause) -> Self {
        Self { operation, subject: subject.to_owned(), place: place.clone(), cause, source: None }
    }

    /// The error of a file that should be sent.
    pub(super) fn file(place: &Place, operation: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::because(place, operation, &path.display().to_string(), Cause::File { why: error.to_string() })
    }

    /// The error code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match &self.cause {
            Cause::Refused { code, .. } | Cause::RoleDenied { code, .. } => Some(code),
            _ => None,
        }
    }

    /// What a person can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let account = &self.place.account;
        let text = match &self.cause {
            Cause::NoCredentials => "set AWS_PROFILE, sign in with `aws sso login`, or export credentials".to_owned(),
            Cause::Unreachable | Cause::TimedOut | Cause::Interrupted => {
                "check the network, the proxy, the region's name and AWS_ENDPOINT_URL".to_owned()
            }
            Cause::WrongAccount { .. } => {
                format!("use credentials of account {account}, or give it a `role` in `fleet.yaml`")
            }
            _ if is_expired(self) => "the session has expired: sign in again and run the same command".to_owned(),
            _ if is_wrong_credentials(self) => "AWS does not know these credentials: check the profile".to_owned(),
            Cause::RoleDenied { .. } => format!(
                "check `role` and `external_id` of account {account} in `fleet.yaml`, and the role's trust policy; \
                 if the control plane was made by an older version, run `tenantry bootstrap`"
            ),
            _ if is_throttled(self) => "AWS throttles: run again, with a lower --concurrency".to_owned(),
            _ if is_access_denied(self) => format!("the role in account {account} does not allow {}", self.operation),
            _ if not_implemented(self) => "this endpoint does not offer the operation".to_owned(),
            _ => return None,
        };
        Some(text)
    }
}

fn refused(error: &impl ProvideErrorMetadata, http_status: u16) -> Cause {
    match error.code() {
        Some(code) => Cause::Refused {
            code: code.to_owned(),
            message: error.message().unwrap_or("no message").to_owned(),
            http_status,
        },
        None => Cause::Refused {
            code: format!("Http{http_status}"),
            message: error.message().unwrap_or("no error code in the answer").to_owned(),
            http_status,
        },
    }
}

/// Finds a failure to get credentials in a chain of errors.
fn credentials_cause(error: &(dyn Error + 'static)) -> Option<Cause> {
    let mut found = None;
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(denied) = error.downcast_ref::<AssumeRoleError>() {
            return Some(Cause::RoleDenied {
                code: denied.code().unwrap_or("no code").to_owned(),
                message: denied.message().unwrap_or("no message").to_owned(),
            });
        }
        if error.is::<CredentialsError>() {
            found = Some(Cause::NoCredentials);
        }
        link = error.source();
    }
    found
}

/// Whether a connection that broke had been made before.
fn was_connected(error: Option<&(impl Error + 'static)>) -> bool {
    let mut link = error.map(|error| error as &(dyn Error + 'static));
    while let Some(error) = link {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            return matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof);
        }
        let text = error.to_string();
        if text.contains("connection closed") || text.contains("IncompleteMessage") {
            return true;
        }
        link = error.source();
    }
    false
}

/// An error with its causes, in one line; a cause that is quoted already is left out.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

/// The failure says nothing about what was asked: the same call may succeed in a while. Expired credentials are among
/// them, because whoever gives them out may have renewed them meanwhile.
pub fn may_pass(error: &CallError) -> bool {
    is_throttled(error)
        || is_expired(error)
        || match &error.cause {
            Cause::TimedOut | Cause::Unreachable | Cause::Interrupted | Cause::Unreadable { .. } => true,
            Cause::Refused { http_status, .. } => *http_status >= 500 && *http_status != 501,
            _ => false,
        }
}

/// AWS asks for fewer calls. Source: AWS SDKs and Tools Reference Guide, "Retry behavior".
pub fn is_throttled(error: &CallError) -> bool {
    const CODES: [&str; 9] = [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "BandwidthLimitExceeded",
    ];
    error.code().is_some_and(|code| CODES.contains(&code))
}

/// The session of the credentials is over.
pub fn is_expired(error: &CallError) -> bool {
    const CODES: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];
    error.code().is_some_and(|code| CODES.contains(&code))
}

/// AWS does not know the credentials, or they do not belong together.
pub fn is_wrong_credentials(error: &CallError) -> bool {
    const CODES: [&str; 6] = [
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "AuthFailure",
        "InvalidToken",
    ];
    error.code().is_some_and(|code| CODES.contains(&code))
}

/// The caller may not do this.
pub fn is_access_denied(error: &CallError) -> bool {
    const CODES: [&str; 4] = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden"];
    error.code().is_some_and(|code| CODES.contains(&code))
}

/// The endpoint does not offer the operation: what was asked stays unknown.
pub fn not_implemented(error: &CallError) -> bool {
    const CODES: [&str; 5] = [
        "NotImplemented",
        "NotImplementedException",
        "UnknownOperationException",
        "InvalidAction",
        "UnsupportedOperation",
    ];
    match &error.cause {
        Cause::Refused { code, http_status, .. } => *http_status == 501 || CODES.contains(&code.as_str()),
        _ => false,
    }
}
