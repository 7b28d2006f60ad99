//! A function's retry queue and the parking queue in memory, with faults.

use std::sync::{Arc, Mutex};

use tenantry_pipeline::queues::{DELAY_MAX_SECONDS, Parked, QueueError, Queues};

use crate::tally::TALLY;

#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) id: u64,
    pub(crate) body: String,
}

#[derive(Clone, Default)]
pub(crate) struct QueuePair {
    pub(crate) inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) parked: Vec<Parked>,
    pub(crate) faults: u32,
    pub(crate) random: fastrand::Rng,
    next: u64,
}

impl Inner {
    pub(crate) fn send(&mut self, body: &str) {
        self.next += 1;
        self.waiting.push(Waiting { id: self.next, body: body.to_owned() });
    }

    fn call(&mut self, operation: &'static str, act: impl FnOnce(&mut Self)) -> Result<(), QueueError> {
        if TALLY.fault(self.random.u32(0..1000) < self.faults) {
            return Err(QueueError { operation, queue: "q".to_owned(), cause: "fault".to_owned() });
        }
        act(self);
        Ok(())
    }
}

impl Queues for QueuePair {
    async fn extend(&self, _: &str, seconds: u32) -> Result<(), QueueError> {
        assert!((1..=43_200).contains(&seconds));
        self.inner.lock().unwrap().call("extend", |_| {})
    }

    async fn park(&self, parked: &Parked) -> Result<(), QueueError> {
        self.inner.lock().unwrap().call("park", |inner| inner.parked.push(parked.clone()))
    }

    async fn send(&self, body: &str, seconds: u32) -> Result<(), QueueError> {
        assert!(seconds <= DELAY_MAX_SECONDS);
        self.inner.lock().unwrap().call("send", |inner| inner.send(body))
    }
}
