//! The tenant's run-time flags, as the AppConfig extension hands them out; the last known ones when it does not answer.

use std::time::Duration;

use tokio::time::Instant;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::cloud::http::HttpClient;

/// Flags that the functions read; `flags.json` lists them for those who look after the catalogue. Each is off unless its
/// document says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// Log lines of level `debug`.
    VerboseLogs,
    /// Ingest stops taking parts: they wait in the retry queue.
    IngestPaused,
}

impl Flag {
    pub const ALL: [Self; 2] = [Self::IngestPaused, Self::VerboseLogs];

    /// As in the flag catalogue.
    pub fn key(self) -> &'static str {
        match self {
            Self::VerboseLogs => "verbose-logs",
            Self::IngestPaused => "ingest-paused",
        }
    }
}

/// A document of feature flags: key → `{ "enabled": … }`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flags(Value);

impl Flags {
    /// Reads the extension's answer.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(text).ok()?;
        document.is_object().then_some(Self(document))
    }

    /// Whether a flag is on.
    pub fn is_on(&self, flag: Flag) -> bool {
        self.0.get(flag.key()).and_then(|flag| flag.get("enabled")).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// The extension itself asks AppConfig every 45 seconds: asking it more often brings nothing new.
const FRESH: Duration = Duration::from_secs(45);

/// The extension answers from its memory: if it takes longer, the last known flags serve.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the first answer is waited for, and how long between two questions.
const START_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// Flags from the extension, remembered between invocations.
#[derive(Debug)]
pub struct FlagSource {
    http: HttpClient,
    /// `None`: there are no flags.
    url: Option<String>,
    known: Mutex<Option<(Instant, Flags)>>,
}

impl FlagSource {
    /// Flags at `path` of the extension that listens on `port`.
    pub fn new(place: Option<&(String, u16)>) -> Self {
        let url = place.map(|(path, port)| format!("http://localhost:{port}{path}"));
        Self { http: HttpClient::new(PATIENCE), url, known: Mutex::new(None) }
    }

    /// The flags now; beside them why they may be old. `None`: they are not known. The extension may take a moment to
    /// start, so the first answer is waited for, until a little before `until`.
    pub async fn now(&self, until: Instant) -> (Option<Flags>, Option<String>) {
        let Some(url) = &self.url else { return (Some(Flags::default()), None) };
        let mut known = self.known.lock().await;
        if let Some((at, flags)) = &*known
            && at.elapsed() < FRESH
        {
            return (Some(flags.clone()), None);
        }
        let first = Instant::now();
        loop {
            match self.ask(url).await {
                Ok(flags) => {
                    *known = Some((Instant::now(), flags.clone()));
                    return (Some(flags), None);
                }
                Err(cause) => {
                    if let Some((_, flags)) = &*known {
                        return (Some(flags.clone()), Some(cause));
                    }
                    if first.elapsed() + PATIENCE > START_MAX || Instant::now() + PATIENCE > until {
                        return (None, Some(cause));
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, url: &str) -> Result<Flags, String> {
        let request = http::Request::get(url).body(Vec::new()).map_err(|error| error.to_string())?;
        let (status, body) = self.http.send(request).await.map_err(|error| error.to_string())?;
        if status != 200 {
            return Err(format!("the AppConfig extension answers with status {status}"));
        }
        Flags::parse(&body).ok_or_else(|| "the AppConfig extension's answer is no document of flags".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_on_only_if_the_document_says_so() {
        let flags = Flags::parse(br#"{"ingest-paused":{"enabled":true},"verbose-logs":{"enabled":"yes"}}"#).unwrap();
        assert!(flags.is_on(Flag::IngestPaused));
        assert!(!flags.is_on(Flag::VerboseLogs));
        assert_eq!(Flags::parse(b"[]"), None);
        assert_eq!(Flags::parse(b"{"), None);
    }

    #[test]
    fn the_list_names_every_flag_that_is_read() {
        let listed: Vec<String> = serde_json::from_str(include_str!("../flags.json")).unwrap();
        assert_eq!(listed, Flag::ALL.map(Flag::key));
    }

    #[tokio::test]
    async fn flags_that_cannot_be_had_are_unknown_and_not_off() {
        let source = FlagSource::new(Some(&("/x".to_owned(), 1)));
        let (flags, cause) = source.now(Instant::now() + Duration::from_secs(2)).await;
        assert_eq!(flags, None);
        assert!(cause.is_some_and(|cause| cause.contains("localhost:1")));
        assert_eq!(FlagSource::new(None).now(Instant::now()).await, (Some(Flags::default()), None));
    }
}
