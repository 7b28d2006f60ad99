//! What to do with a piece of work that failed. Pure.
//!
//! A bucket's event is retried twice by Lambda itself, then lies in the retry queue. From there each failed receive
//! extends the message's visibility, step by step; after the last step it is parked and a person is called. What will
//! fail each time is parked at once.

use crate::failure::Failure;

/// The extended retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Seconds until the next receive, after the first, second, … failed one.
    pub delays: Vec<u32>,
    /// Each delay is drawn from plus or minus this share of it.
    pub jitter_percent: u32,
}

/// How the work came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// By an asynchronous invocation.
    Invoked,
    /// Out of the retry queue.
    Received {
        /// How often the message was received, this time included.
        count: u32,
        /// When it was sent: seconds since 1970.
        sent: i64,
    },
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// End the invocation with an error: Lambda retries, then gives the event to the retry queue.
    Fail,
    /// Hide the message for so many seconds and report it as failed, so that it stays in the queue.
    Extend { seconds: u32 },
    /// Put it into the parking queue; then it is dealt with here.
    Park,
}

/// The retry queue keeps a message for 14 days (SQS's longest retention): before that it must be parked, or it is gone.
const KEPT_SECONDS: i64 = 14 * 86_400;

/// A margin for the run itself.
const MARGIN_SECONDS: i64 = 3600;

/// Decides. `now`: seconds since 1970. `random`: uniform in 0.0..1.0.
pub fn decide(arrival: Arrival, failure: &Failure, schedule: &Schedule, now: i64, random: f64) -> Action {
    match (failure, arrival) {
        (Failure::Logic(_), _) => Action::Park,
        (Failure::Transient(_), Arrival::Invoked) => Action::Fail,
        (Failure::Transient(_), Arrival::Received { count, sent }) => {
            let step = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
            match schedule.delays.get(step) {
                Some(delay) if now + i64::from(*delay) < sent + KEPT_SECONDS - MARGIN_SECONDS => {
                    Action::Extend { seconds: jittered(*delay, schedule.jitter_percent, random) }
                }
                _ => Action::Park,
            }
        }
    }
}

/// A delay within plus or minus `percent` of `delay`.
fn jittered(delay: u32, percent: u32, random: f64) -> u32 {
    let spread = f64::from(delay) * f64::from(percent) / 100.0;
    let shifted = f64::from(delay) + spread * (2.0 * random.clamp(0.0, 1.0) - 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest bound")]
    let seconds = shifted.round() as u32;
    seconds.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule() -> Schedule {
        Schedule { delays: vec![300, 1800, 10_800], jitter_percent: 20 }
    }

    fn check(arrival: Arrival, failure: Failure, random: f64, expected: Action) {
        assert_eq!(decide(arrival, &failure, &schedule(), 1_700_000_000, random), expected, "{arrival:?} {failure:?}");
    }

    fn received(count: u32) -> Arrival {
        Arrival::Received { count, sent: 1_700_000_000 - 600 }
    }

    fn transient() -> Failure {
        Failure::Transient("throttled".to_owned())
    }

    #[test]
    fn the_message_is_extended_three_times_and_then_parked() {
        check(Arrival::Invoked, transient(), 0.5, Action::Fail);
        check(received(1), transient(), 0.5, Action::Extend { seconds: 300 });
        check(received(2), transient(), 0.0, Action::Extend { seconds: 1440 });
        check(received(3), transient(), 1.0, Action::Extend { seconds: 12_960 });
        check(received(4), transient(), 0.5, Action::Park);
        check(received(9), transient(), 0.5, Action::Park);
    }

    #[test]
    fn what_fails_each_time_burns_no_retry() {
        let logic = || Failure::Logic("no such field".to_owned());
        check(Arrival::Invoked, logic(), 0.5, Action::Park);
        check(received(1), logic(), 0.5, Action::Park);
    }

    #[test]
    fn a_message_is_parked_before_the_queue_forgets_it() {
        let old = Arrival::Received { count: 1, sent: 1_700_000_000 - KEPT_SECONDS + MARGIN_SECONDS };
        check(old, transient(), 0.5, Action::Park);
    }

    #[test]
    fn without_extended_retry_the_first_failed_receive_parks() {
        let none = Schedule { delays: Vec::new(), jitter_percent: 20 };
        assert_eq!(decide(received(1), &transient(), &none, 1_700_000_000, 0.5), Action::Park);
    }

    proptest! {
        #[test]
        fn every_message_is_parked_in_the_end(start in 1u32..5, random in 0.0f64..1.0) {
            let actions: Vec<Action> = (start..start + 4)
                .map(|count| decide(received(count), &transient(), &schedule(), 1_700_000_000, random))
                .collect();
            prop_assert_eq!(actions.last(), Some(&Action::Park));
            for action in actions {
                prop_assert!(!matches!(action, Action::Extend { seconds } if seconds > 43_200), "{:?}", action);
            }
        }
    }
}
