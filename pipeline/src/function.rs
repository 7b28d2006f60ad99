//! What the two functions have in common: clients built once, then one invocation after another.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use lambda_runtime::{BoxFuture, Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bulk::indices::Wanted;
use crate::cloud;
use crate::cloud::s3::S3;
use crate::cloud::search::{Domain, Indices, Signing};
use crate::cloud::sqs::Sqs;
use crate::failure::Failure;
use crate::flags::{Flag, FlagSource, Flags};
use crate::invoke::{Invocation, InvocationFailed, Work, invoke};
use crate::journal::{Journal, Level};
use crate::metrics::Metrics;
use crate::pace::{Pace, milliseconds_since_1970};
use crate::settings::{Common, Environment, SettingError};
use crate::work::{Ingest, Splitter};

/// The function could not start, or the runtime ended.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("the configuration has no {0}")]
    Configuration(&'static str),
    #[error("the Lambda runtime ended: {0}")]
    Runtime(String),
}

/// Runs the splitter until its environment is shut down.
///
/// # Errors
/// A variable is missing, or the runtime ended.
pub async fn splitter() -> Result<(), StartError> {
    let lookup = |name: &str| std::env::var(name).ok();
    let common = Environment(&lookup).common()?;
    let settings = Environment(&lookup).split(&common)?;
    let configuration = cloud::configuration().await;
    let work = Splitter { objects: s3(&configuration), settings };
    serve("splitter", &common, &configuration, &work).await
}

/// Runs ingest until its environment is shut down.
///
/// # Errors
/// A variable is missing, or the runtime ended.
pub async fn ingest() -> Result<(), StartError> {
    let lookup = |name: &str| std::env::var(name).ok();
    let common = Environment(&lookup).common()?;
    let (settings, search) = Environment(&lookup).ingest(&common)?;
    let configuration = cloud::configuration().await;
    let signing = match search.signed {
        true => Some(Signing {
            credentials: configuration.credentials_provider().ok_or(StartError::Configuration("credentials"))?,
            region: configuration.region().ok_or(StartError::Configuration("region"))?.to_string(),
        }),
        false => None,
    };
    let domain = Domain::new(&search.endpoint, signing);
    let prefix = &settings.standard.index_prefix;
    let wanted = Wanted::new(&search, prefix, settings.retention_days);
    let domain = Indices::new(domain, wanted);
    let work = Ingest { objects: s3(&configuration), domain, settings };
    serve("ingest", &common, &configuration, &work).await
}

fn s3(configuration: &aws_config::SdkConfig) -> S3 {
    // A local endpoint has no name per bucket.
    let path_style = configuration.endpoint_url().is_some();
    let builder = aws_sdk_s3::config::Builder::from(configuration).force_path_style(path_style);
    S3::new(aws_sdk_s3::Client::from_conf(builder.build()))
}

async fn serve<W: Work>(
    function: &'static str,
    common: &Common,
    configuration: &aws_config::SdkConfig,
    work: &W,
) -> Result<(), StartError> {
    let queues = Sqs {
        client: aws_sdk_sqs::Client::new(configuration),
        retry_url: common.retry_queue_url.clone(),
        parking_url: common.parking_queue_url.clone(),
    };
    let flags = FlagSource::new(common.flags.as_ref());
    let served = Served { function, common, queues: &queues, flags: &flags, work };
    // Boxed: the types of nested futures grow beyond what the compiler lays out.
    let service = service_fn(|event: LambdaEvent<Value>| -> BoxFuture<'_, _> { Box::pin(served.event(event)) });
    lambda_runtime::run(service).await.map_err(|error| StartError::Runtime(error.to_string()))
}

struct Served<'a, W> {
    function: &'static str,
    common: &'a Common,
    queues: &'a Sqs,
    flags: &'a FlagSource,
    work: &'a W,
}

impl<W: Work> Served<'_, W> {
    async fn event(&self, event: LambdaEvent<Value>) -> Result<Value, InvocationFailed> {
        let (payload, context) = event.into_parts();
        let pace = pace(&context);
        let (flags, stale) = self.flags.now(pace.until).await;
        let journal = self.journal(&context, flags.as_ref());
        if let Some(cause) = &stale {
            journal.line(Level::Warn, "flags-stale", json!({ "error": cause }));
        }
        let refusal = (self.function == "ingest").then(|| refusal(flags.as_ref(), stale.as_deref())).flatten();
        let invocation = Invocation {
            tenant: &self.common.tenant,
            function: self.function,
            retry_queue_url: &self.common.retry_queue_url,
            schedule: &self.common.schedule,
            now: milliseconds_since_1970(),
            pace,
            refusal: refusal.as_ref(),
        };
        let mut metrics = Metrics::default();
        let outcome = Box::pin(invoke(&payload, self.work, self.queues, invocation, &mut metrics, &journal)).await;
        journal.close();
        let line = metrics.line(&self.common.metric_namespace, &self.common.tenant, self.function, invocation.now);
        write_line(&line);
        outcome
    }

    fn journal(&self, context: &Context, flags: Option<&Flags>) -> Journal {
        let is_verbose = flags.is_some_and(|flags| flags.is_on(Flag::VerboseLogs));
        let level = if is_verbose { Level::Debug } else { self.common.log_level };
        let fields = json!({ "tenant": self.common.tenant, "function": self.function, "request": context.request_id });
        let fields = fields.as_object().cloned().unwrap_or_default();
        Journal::new(level, self.common.log_lines_max, fields, write_line)
    }
}

impl From<InvocationFailed> for Diagnostic {
    fn from(failed: InvocationFailed) -> Self {
        Self { error_type: "InvocationFailed".to_owned(), error_message: failed.0 }
    }
}

/// Why ingest does not begin, if so. Flags that are not known do not count as off: one of them is a pause.
fn refusal(flags: Option<&Flags>, cause: Option<&str>) -> Option<Failure> {
    match flags {
        None => Some(Failure::Transient(format!("the flags are not known: {}", cause.unwrap_or_default()))),
        Some(flags) if flags.is_on(Flag::IngestPaused) => {
            Some(Failure::NotNow("ingest is paused by a flag".to_owned()))
        }
        Some(_) => None,
    }
}

/// The reserve at the end of an invocation, in which nothing new is begun: a quarter of it, but no more than this.
const RESERVE_MAX: Duration = Duration::from_secs(40);

/// What is kept of the reserve for the last messages and the metrics: a tenth of the invocation, but no more than this.
const LAST_MAX: Duration = Duration::from_secs(5);

fn pace(context: &Context) -> Pace {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let now = Instant::now();
    Pace {
        until: now + left.saturating_sub((left / 4).min(RESERVE_MAX)),
        end: now + left.saturating_sub((left / 10).min(LAST_MAX)),
        random: fastrand::f64,
    }
}

/// Standard output is the function's log. If it is gone there is nobody to tell.
fn write_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = writeln!(out, "{line}");
}
