//! Time and chance, as arguments: when an invocation must end, and how long to wait before a retry.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// What is left of an invocation, and where its jitter comes from.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// After this no new work is begun: what is left is handed back.
    pub until: Instant,
    /// No request goes on after this: what is left of the invocation is for its last messages and metrics.
    pub end: Instant,
    /// Uniform in 0.0..1.0.
    pub random: fn() -> f64,
}

/// Delay of the first retry; it doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(20);

impl Pace {
    /// Whether the time is up.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Time left.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// How long to wait before retry number `attempt` (from 0); `None` if the time would be up.
    pub fn before_retry(&self, attempt: u32) -> Option<Duration> {
        let delay = backoff(attempt, (self.random)());
        (delay < self.left()).then_some(delay)
    }
}

/// The clock.
pub fn seconds_since_1970() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The clock, to the millisecond.
pub fn milliseconds_since_1970() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
pub fn backoff(attempt: u32, random: f64) -> Duration {
    let ceiling = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_DELAY);
    ceiling.mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_and_are_spread() {
        assert_eq!(backoff(0, 1.0), Duration::from_millis(200));
        assert_eq!(backoff(3, 0.5), Duration::from_millis(800));
        assert_eq!(backoff(40, 1.0), LONGEST_DELAY);
        assert_eq!(backoff(5, 0.0), Duration::ZERO);
    }

    #[test]
    fn no_retry_is_begun_that_would_outlast_the_invocation() {
        let until = Instant::now() + Duration::from_secs(1);
        let pace = Pace { until, end: until, random: || 1.0 };
        assert_eq!(pace.before_retry(0), Some(Duration::from_millis(200)));
        assert_eq!(pace.before_retry(10), None);
    }
}
