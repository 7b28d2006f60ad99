//! How AWS is reached: the standard configuration chain, a role per account, retries, time limits and rates.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region as SdkRegion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudformation::config::SharedHttpClient;
use aws_sdk_cloudformation::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::os_shim_internal::{Env, Fs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OnceCell};

use super::clock::{ReadDate, StoreClock};
use super::rates::{Buckets, Family};
use super::request::Reader;
use super::{CallError, Cause, ConfigureError, calls, configure, sts};
use tenantry_base::ids::{AccountId, Region};

/// Behind the deploy role's name, the name of the role that only reads.
const READ_SUFFIX: &str = "-read";
const ATTEMPTS: u32 = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// An account and region: where a stack is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Account ID, 12 digits.
    pub account: AccountId,
    /// Region code, such as `eu-west-1`.
    pub region: Region,
}

/// How an account is entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Name of the role to assume; without it the caller's own credentials are used.
    pub role: Option<String>,
    pub external_id: Option<String>,
}

/// What sessions are for: it decides which of an account's roles they assume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Plans, drift, capacity, status: the reading role that the control plane makes beside the deploy role.
    Read,
    /// Everything that changes an account: the deploy role.
    Change,
}

/// The caller's configuration, and the sessions opened with it.
#[derive(Debug)]
pub struct Cloud {
    base: SdkConfig,
    purpose: Purpose,
    sessions: Mutex<HashMap<Place, Arc<Session>>>,
    accounts: Mutex<HashMap<AccountId, Arc<Buckets>>>,
}

/// By bucket and key, whether an object lies there; a cell without a value is being found out.
type Stored = HashMap<(String, String), Arc<OnceCell<()>>>;

/// The clients of one account and region, with their rates.
pub struct Session {
    pub place: Place,
    pub purpose: Purpose,
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) servicequotas: aws_sdk_servicequotas::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) reader: Reader,
    buckets: Buckets,
    /// The rates that the regions of an account share.
    of_account: Arc<Buckets>,
    store_clock: Arc<StoreClock>,
    /// Objects that this session has stored or found, each with whoever is at it.
    stored: std::sync::Mutex<Stored>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Cloud {
    /// Reads the standard configuration (profile, SSO, environment, `AWS_ENDPOINT_URL`) and loads the caller's credentials.
    ///
    /// # Errors
    /// A profile that does not exist, an endpoint's URL that cannot be used, no credentials.
    pub async fn configure() -> Result<Self, ConfigureError> {
        let (env, fs) = (Env::real(), Fs::real());
        configure::profile(&env, &fs).await?;
        let base = standard().load().await;
        configure::endpoints(&base, &env)?;
        Ok(Self::over(configure::credentials(base, &env).await?))
    }

    /// Reaches the endpoint at this URL with these credentials, whatever the environment says.
    pub async fn at(endpoint: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        let credentials = Credentials::new(access_key_id, secret_access_key, None, None, "given");
        Self::over(standard().endpoint_url(endpoint).credentials_provider(credentials).load().await)
    }

    pub(super) fn over(base: SdkConfig) -> Self {
        Self { base, purpose: Purpose::Change, sessions: Mutex::default(), accounts: Mutex::default() }
    }

    /// The same, for sessions that change nothing: they assume the reading role of an account that has a deploy role.
    pub fn reading(self) -> Self {
        Self { purpose: Purpose::Read, ..self }
    }

    /// Who the caller's own credentials are of, before any role is assumed. `place` says where to ask.
    ///
    /// # Errors
    /// The credentials have expired or are unknown, or the endpoint is out of reach.
    pub async fn caller(&self, place: &Place) -> Result<sts::Caller, CallError> {
        sts::caller(&Session::open(&self.base, place, &Access::default()).await).await
    }

    /// The session of an account and region, opened once. Makes sure that the credentials are of that account.
    ///
    /// # Errors
    /// No credentials, a role that cannot be assumed, credentials of another account, an endpoint out of reach.
    pub async fn session(&self, place: &Place, access: &Access) -> Result<Arc<Session>, CallError> {
        if let Some(session) = self.sessions.lock().await.get(place) {
            return Ok(Arc::clone(session));
        }
        let role = access.role.as_ref().map(|role| match self.purpose {
            Purpose::Read => format!("{role}{READ_SUFFIX}"),
            Purpose::Change => role.clone(),
        });
        let access = Access { role, external_id: access.external_id.clone() };
        let opened = Session::open(&self.base, place, &access).await;
        let mut accounts = self.accounts.lock().await;
        let of_account =
            Arc::clone(accounts.entry(place.account.clone()).or_insert_with(|| Arc::clone(&opened.of_account)));
        drop(accounts);
        let session = Session { purpose: self.purpose, of_account, ..opened };
        let session = Arc::new(session);
        let actual = sts::caller(&session).await.inspect_err(note)?.account;
        if actual != place.account.as_str() {
            let cause = Cause::WrongAccount { actual };
            let error = CallError::because(place, "GetCallerIdentity", place.account.as_str(), cause);
            note(&error);
            return Err(error);
        }
        OPENED.store(true, Ordering::Relaxed);
        Ok(Arc::clone(self.sessions.lock().await.entry(place.clone()).or_insert(session)))
    }
}

/// Whether this process got a session, and why it did not get the first that it asked for.
static OPENED: AtomicBool = AtomicBool::new(false);
static REFUSED: OnceLock<Unopened> = OnceLock::new();

/// Why a session could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}")]
pub struct Unopened {
    why: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}

fn note(error: &CallError) {
    REFUSED.get_or_init(|| Unopened { why: error.to_string(), hint: error.hint() });
}

/// Why no account could be entered, where sessions were asked for and not one was opened: nothing was checked then.
pub fn none_opened() -> Option<Unopened> {
    REFUSED.get().filter(|_| !OPENED.load(Ordering::Relaxed)).cloned()
}

/// The standard configuration chain over our HTTP client, with our retries and time limits.
pub(super) fn standard() -> ConfigLoader {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
}

/// HTTP with TLS by rustls and ring: no C library has to be built for it. Calls go through the proxy that `HTTPS_PROXY`,
/// `HTTP_PROXY` or `ALL_PROXY` names, but for the hosts of `NO_PROXY`; the client reads none of them by itself.
pub(crate) fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// How many times our own rates the caller asks for: `TENANTRY_RATE_FACTOR`, 1 to 100, for accounts whose API limits
/// AWS has raised.
fn rate_factor() -> u32 {
    let said = std::env::var("TENANTRY_RATE_FACTOR").ok().and_then(|factor| factor.parse().ok());
    said.filter(|factor| (1..=100).contains(factor)).unwrap_or(1)
}

impl Session {
    async fn open(base: &SdkConfig, place: &Place, access: &Access) -> Self {
        let mut builder = base.to_builder().region(SdkRegion::new(place.region.to_string()));
        if let Some(client) = base.http_client() {
            builder = builder.http_client(calls::observed(client, place));
        }
        let base = &builder.build();
        let mut builder = base.to_builder();
        if let Some(role) = &access.role {
            let arn = format!("arn:{}:iam::{}:role/{role}", place.region.partition(), place.account);
            let mut provider = AssumeRoleProvider::builder(arn)
                .session_name("tenantry")
                .region(SdkRegion::new(place.region.to_string()))
                .configure(base);
            if let Some(external_id) = &access.external_id {
                provider = provider.external_id(external_id);
            }
            builder = builder.credentials_provider(SharedCredentialsProvider::new(provider.build().await));
        }
        Self::of(&builder.build(), place)
    }

    /// Clients of one configuration; each service has a retry partition of its own for this account and region, since
    /// the SDK otherwise shares retry tokens between accounts.
    pub(super) fn of(config: &SdkConfig, place: &Place) -> Self {
        let partition = |service: &str| RetryPartition::new(format!("{service}/{}/{}", place.account, place.region));
        macro_rules! client {
            ($sdk:ident, $service:literal) => {
                $sdk::Client::from_conf(
                    $sdk::config::Builder::from(config).retry_partition(partition($service)).build(),
                )
            };
        }
        let store_clock = Arc::new(StoreClock::default());
        let s3 = aws_sdk_s3::config::Builder::from(config).retry_partition(partition("s3"));
        let s3 = s3.interceptor(ReadDate(Arc::clone(&store_clock))).build();
        Self {
            place: place.clone(),
            purpose: Purpose::Change,
            cloudformation: client!(aws_sdk_cloudformation, "cloudformation"),
            ec2: client!(aws_sdk_ec2, "ec2"),
            s3: aws_sdk_s3::Client::from_conf(s3),
            servicequotas: client!(aws_sdk_servicequotas, "servicequotas"),
            sqs: client!(aws_sdk_sqs, "sqs"),
            sts: client!(aws_sdk_sts, "sts"),
            reader: Reader::new(config),
            buckets: Buckets::full(rate_factor()),
            of_account: Arc::new(Buckets::full(rate_factor())),
            store_clock,
            stored: std::sync::Mutex::default(),
        }
    }

    /// Waits for a turn to call an operation of a family; to be asked for before each call and each page.
    pub(super) async fn turn(&self, family: Family) {
        let buckets = if family.is_of_account() { &self.of_account } else { &self.buckets };
        buckets.take(family).await;
    }

    /// The time by S3's clock, as its latest response to this session dates it; this machine's before the first.
    pub fn store_time(&self) -> jiff::Timestamp {
        self.store_clock.now()
    }

    /// Where it is noted that an object is there.
    pub(super) fn stored(&self, bucket: &str, key: &str) -> Arc<OnceCell<()>> {
        // Nothing panics while the map is held, and a poisoned one would still be whole.
        let mut stored = self.stored.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(stored.entry((bucket.to_owned(), key.to_owned())).or_default())
    }

    /// A field that the answer must have.
    pub(super) fn need<T>(
        &self,
        value: Option<T>,
        operation: &'static str,
        subject: &str,
        field: &'static str,
    ) -> Result<T, CallError> {
        value.ok_or_else(|| CallError::because(&self.place, operation, subject, Cause::Missing { field }))
    }
}
