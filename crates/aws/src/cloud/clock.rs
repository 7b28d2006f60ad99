//! The store's clock. S3 dates every response, and leases are measured by those dates, so that a machine whose own
//! clock is wrong neither takes over a lock that is held nor loses its own.
//!
//! Source: Amazon S3 API Reference, "Common response headers" (`Date`).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// How far the store's clock is ahead of this machine's, as its latest response says.
#[derive(Debug, Default)]
pub(super) struct StoreClock {
    ahead_seconds: AtomicI64,
}

impl StoreClock {
    /// The store's time; this machine's until the store has answered once.
    pub(super) fn now(&self) -> Timestamp {
        let ahead = jiff::SignedDuration::from_secs(self.ahead_seconds.load(Ordering::Relaxed));
        let now = Timestamp::now();
        now.checked_add(ahead).unwrap_or(now)
    }

    fn note(&self, date: &str, now: Timestamp) {
        if let Ok(date) = DateTimeParser::new().parse_timestamp(date) {
            self.ahead_seconds.store(date.as_second() - now.as_second(), Ordering::Relaxed);
        }
    }
}

/// Reads the `Date` of every response.
#[derive(Debug)]
pub(super) struct ReadDate(pub(super) Arc<StoreClock>);

impl Intercept for ReadDate {
    fn name(&self) -> &'static str {
        "ReadDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.0.note(date, Timestamp::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_date_decides_and_what_is_not_a_date_changes_nothing() {
        let (clock, now) = (StoreClock::default(), Timestamp::now());
        clock.note("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T09:49:37Z".parse().unwrap());
        assert_eq!(clock.ahead_seconds.load(Ordering::Relaxed), -3600);
        clock.note("yesterday", now);
        let behind = now.duration_since(clock.now()).as_secs();
        assert!((3599..=3601).contains(&behind), "{behind}");
    }
}
