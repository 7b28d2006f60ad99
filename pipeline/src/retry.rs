//! What to do with a piece of work that failed. Pure.
//!
//! A bucket's event is retried twice by Lambda itself, then lies in the retry queue. From there each failed try sends it
//! anew with the next delay; after the last delay it is parked and a person is called. What will fail each time is parked
//! at once. Tries are counted in the message: how often a queue gave it out says nothing about that, since a receive that
//! Lambda throttles counts, too.

use crate::failure::Failure;

/// The extended retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Seconds until the next try, after the first, second, … failed one.
    pub delays: Vec<u32>,
    /// Each delay is drawn from plus or minus this share of it.
    pub jitter_percent: u32,
}

/// How the work came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// By an asynchronous invocation.
    Invoked,
    /// Out of the retry queue, after so many tries of which each failed there.
    Received { tries: u32 },
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// End the invocation with an error: Lambda retries, then gives the event to the retry queue.
    Fail,
    /// Send it to the retry queue anew, for a try in so many seconds. `counts`: that is a retry of the schedule.
    Again { seconds: u32, counts: bool },
    /// Put it into the parking queue; then it is dealt with here.
    Park,
}

/// How long what is not begun now waits: the longest delay of a message (Amazon SQS API Reference, SendMessage).
const WAIT_SECONDS: u32 = 900;

/// Decides. `random`: uniform in 0.0..1.0.
pub fn decide(arrival: Arrival, failure: &Failure, schedule: &Schedule, random: f64) -> Action {
    match (failure, arrival) {
        (Failure::Logic(_), _) => Action::Park,
        (Failure::NotNow(_), _) => {
            Action::Again { seconds: jittered(WAIT_SECONDS, schedule.jitter_percent, random), counts: false }
        }
        (Failure::Transient(_), Arrival::Invoked) => Action::Fail,
        (Failure::Transient(_), Arrival::Received { tries }) => {
            match usize::try_from(tries).ok().and_then(|tries| schedule.delays.get(tries)) {
                Some(delay) => {
                    Action::Again { seconds: jittered(*delay, schedule.jitter_percent, random), counts: true }
                }
                None => Action::Park,
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
        assert_eq!(decide(arrival, &failure, &schedule(), random), expected, "{arrival:?} {failure:?}");
    }

    fn received(tries: u32) -> Arrival {
        Arrival::Received { tries }
    }

    fn transient() -> Failure {
        Failure::Transient("throttled".to_owned())
    }

    fn again(seconds: u32) -> Action {
        Action::Again { seconds, counts: true }
    }

    #[test]
    fn the_message_is_tried_again_three_times_and_then_parked() {
        check(Arrival::Invoked, transient(), 0.5, Action::Fail);
        check(received(0), transient(), 0.5, again(300));
        check(received(1), transient(), 0.0, again(1440));
        check(received(2), transient(), 1.0, again(12_960));
        check(received(3), transient(), 0.5, Action::Park);
        check(received(9), transient(), 0.5, Action::Park);
    }

    #[test]
    fn what_fails_each_time_burns_no_retry() {
        let logic = || Failure::Logic("no such field".to_owned());
        check(Arrival::Invoked, logic(), 0.5, Action::Park);
        check(received(0), logic(), 0.5, Action::Park);
    }

    #[test]
    fn a_pause_spends_no_retry_however_long_it_lasts() {
        let paused = || Failure::NotNow("paused".to_owned());
        for arrival in [Arrival::Invoked, received(0), received(3), received(1000)] {
            check(arrival, paused(), 0.5, Action::Again { seconds: 900, counts: false });
        }
    }

    #[test]
    fn without_extended_retry_the_first_failed_try_parks() {
        let none = Schedule { delays: Vec::new(), jitter_percent: 20 };
        assert_eq!(decide(received(0), &transient(), &none, 0.5), Action::Park);
    }

    proptest! {
        #[test]
        fn every_message_is_parked_in_the_end(start in 0u32..5, random in 0.0f64..1.0) {
            let actions: Vec<Action> =
                (start..start + 4).map(|tries| decide(received(tries), &transient(), &schedule(), random)).collect();
            prop_assert_eq!(actions.last(), Some(&Action::Park));
        }
    }
}
