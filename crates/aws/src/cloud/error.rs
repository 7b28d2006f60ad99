//! What a call to AWS can end in, and which of the known reasons it was.

use std::error::Error;
use std::io;
use std::path::Path;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::os_shim_internal::Env;
use tenantry_base::files::plain;

use super::{Place, configure};

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
    #[error("the endpoint cannot be reached: {0}")]
    Unreachable(Unreached),
    #[error("the connection broke before the answer came")]
    Interrupted,
    #[error("no answer in time")]
    TimedOut,
    #[error("no credentials could be loaded: {why}")]
    NoCredentials { why: String },
    #[error("the role could not be assumed ({code}: {message})")]
    RoleDenied { code: String, message: String },
    #[error("the request could not be built: {why}")]
    Unsendable { why: String },
    #[error("the answer could not be read (HTTP {http_status})")]
    Unreadable { http_status: u16 },
    #[error("the answer lacks `{field}`")]
    Missing { field: &'static str },
    #[error("these credentials are of account {actual}")]
    WrongAccount { actual: String },
    #[error("the file cannot be sent: {why}")]
    File { why: String },
}

/// What kept a connection from being made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    #[error("connection refused")]
    Refused,
    #[error("its host name cannot be resolved")]
    Unresolved,
    #[error("no connection in time")]
    TimedOut,
    #[error("its certificate is not accepted ({0})")]
    Certificate(String),
    #[error("it does not speak TLS")]
    NoTls,
    #[error("the proxy {0}")]
    Proxy(String),
    #[error("{0}")]
    Other(String),
}

impl Unreached {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused | Self::TimedOut | Self::Other(_) => {
                "check the network, HTTPS_PROXY, and AWS_ENDPOINT_URL where it is set"
            }
            Self::Unresolved => "check the network, the Region's name, and AWS_ENDPOINT_URL where it is set",
            Self::Certificate(_) => {
                "trust the authority that signed it in the system's store, or name it in SSL_CERT_FILE"
            }
            Self::NoTls => "correct the scheme of AWS_ENDPOINT_URL",
            Self::Proxy(_) => "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY",
        }
    }
}

impl Cause {
    /// No connection could be made.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
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
                let failure = failure.as_connector_error();
                failure.map_or(Cause::Interrupted, |error| {
                    credentials_cause(error).unwrap_or_else(|| of_connection(error))
                })
            }
            SdkError::ResponseError(context) => Cause::Unreadable { http_status: context.raw().status().as_u16() },
            other => credentials_cause(other).unwrap_or_else(|| Cause::Unsendable { why: causes_of(other) }),
        };
        // All others say what is known; a request that could not be built would be quoted, with what it carries.
        let source = match cause {
            Cause::Unreadable { .. } => Some(Box::new(error) as Box<dyn Error + Send + Sync>),
            _ => None,
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

    /// How to fix it; absent if that is not known.
    pub fn hint(&self) -> Option<String> {
        let account = &self.place.account;
        let text = match &self.cause {
            Cause::NoCredentials { why } => configure::help(configure::chosen_profile(&Env::real()).as_deref(), why),
            Cause::Unreachable(why) => why.hint().to_owned(),
            Cause::TimedOut | Cause::Interrupted => Unreached::TimedOut.hint().to_owned(),
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

/// The links of a chain of errors, from the outermost.
fn links<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&link| link.source())
}

/// Finds a failure to get credentials in a chain of errors, and what that came from.
fn credentials_cause(error: &(dyn Error + 'static)) -> Option<Cause> {
    let credentials = links(error).find_map(|link| link.downcast_ref::<CredentialsError>())?;
    let denied = links(credentials).find_map(|link| link.downcast_ref::<AssumeRoleError>());
    Some(match denied {
        Some(denied) => Cause::RoleDenied {
            code: denied.code().unwrap_or("no code").to_owned(),
            message: denied.message().unwrap_or("no message").to_owned(),
        },
        None if timed_out(credentials) => Cause::TimedOut,
        None => match links(credentials).find_map(|link| link.downcast_ref::<ConnectorError>()) {
            Some(error) => of_connection(error),
            None => Cause::NoCredentials { why: configure::why(credentials) },
        },
    })
}

/// The role's service gave no answer in time.
fn timed_out(error: &(dyn Error + 'static)) -> bool {
    let mut calls = links(error).filter_map(|link| link.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>());
    calls.any(|call| matches!(call, SdkError::TimeoutError(_)))
}

/// Why a request got no answer.
fn of_connection(error: &ConnectorError) -> Cause {
    if was_connected(error) {
        Cause::Interrupted
    } else if error.is_timeout() {
        Cause::TimedOut
    } else {
        Cause::Unreachable(kept_from(error))
    }
}

/// What kept a connection from being made, anywhere in a chain of errors; None where the chain has no such failure.
pub(super) fn unreached(error: &(dyn Error + 'static)) -> Option<Unreached> {
    let failure = links(error).find_map(|link| link.downcast_ref::<ConnectorError>())?;
    Some(if failure.is_timeout() { Unreached::TimedOut } else { kept_from(failure) })
}

/// The texts are those of hyper-util, rustls and the SDK's connector, whose types are not public.
fn kept_from(error: &ConnectorError) -> Unreached {
    let texts: Vec<String> = links(error).map(ToString::to_string).collect();
    let has = |part: &str| texts.iter().any(|text| text.contains(part));
    let refused = links(error)
        .filter_map(|link| link.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    let refused = refused || has("Connection refused");
    if has("tunnel error") {
        let why = if has("proxy authorization required") {
            "asks for a user name and a password"
        } else if has("unsuccessful") {
            "does not connect to it"
        } else if refused {
            "cannot be reached: connection refused"
        } else if has("dns error") {
            "cannot be reached: its host name cannot be resolved"
        } else {
            "cannot be used"
        };
        return Unreached::Proxy(why.to_owned());
    }
    let certificate = texts.iter().find_map(|text| Some(text.split_once("invalid peer certificate: ")?.1));
    match certificate {
        Some(why) => Unreached::Certificate(why.to_owned()),
        None if has("InvalidContentType") => Unreached::NoTls,
        None if has("dns error") => Unreached::Unresolved,
        None if refused => Unreached::Refused,
        None => Unreached::Other(causes_of(error)),
    }
}

/// What a chain of errors tells: its links without those that only say that something failed, without what a parent quotes.
/// A link that quotes a request is left out, because of what that carries.
pub(super) fn causes_of(error: &(dyn Error + 'static)) -> String {
    const EMPTY: [&str; 9] = [
        "an error occurred while loading credentials",
        "the credential provider was not enabled",
        "the credentials provider was not properly configured",
        "dispatch failure",
        "failed to construct request",
        "service error",
        "unhandled error",
        "other",
        "io error",
    ];
    let mut said: Vec<String> = Vec::new();
    for link in links(error) {
        let text = plain(&link.to_string());
        let is_empty = EMPTY.contains(&text.as_str()) || text.contains("Request {");
        if !is_empty && said.iter().all(|before| !before.contains(&text)) {
            said.push(text);
        }
    }
    if said.is_empty() { "no reason is known".to_owned() } else { said.join(": ") }
}

/// Whether a connection that broke had been made before.
fn was_connected(error: &(dyn Error + 'static)) -> bool {
    for error in links(error) {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            return matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof);
        }
        let text = error.to_string();
        if text.contains("connection closed") || text.contains("IncompleteMessage") {
            return true;
        }
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
            Cause::TimedOut | Cause::Unreachable(_) | Cause::Interrupted | Cause::Unreadable { .. } => true,
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
