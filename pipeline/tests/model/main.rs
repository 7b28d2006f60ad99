//! The whole chain against a model that counts every message once: bucket event, split, ingest, retries, extended
//! retries, parking, replay; under random faults of store, domain and queues, repeated events and ends of time.
//!
//! `CHAIN_ROUNDS` sets how many random chains run (`make fuzz-chain` runs a million), `CHAIN_SEED` the first seed.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod cases;
mod domain;
mod forms;
mod queues;
mod store;
mod tally;
mod world;

use tally::TALLY;
use world::World;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[tokio::test]
async fn every_message_is_indexed_rejected_or_set_aside_exactly_once() {
    let (rounds, first) = (number("CHAIN_ROUNDS", 200), number("CHAIN_SEED", 1));
    for seed in first..first + rounds {
        let mut world = World::new(seed);
        world.upload();
        world.run().await;
        world.check();
        let done = seed - first + 1;
        if done.is_multiple_of(50_000) || done == rounds {
            TALLY.say(done);
        }
    }
}

#[tokio::test]
async fn a_domain_that_is_down_for_long_parks_everything_and_a_replay_brings_all_of_it() {
    for seed in 1..5 {
        let mut world = World::new(seed);
        world.upload();
        world.domain.down(true);
        world.run_until_parked().await;
        assert_eq!(world.domain.documents().len(), 0);
        assert!(world.records() == 0 || world.parked() > 0, "seed {seed}");
        world.domain.down(false);
        world.run().await;
        world.check();
    }
}
