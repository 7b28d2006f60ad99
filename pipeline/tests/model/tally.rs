//! What all rounds did together, for the one who waits for a million of them.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Tally {
    messages: AtomicU64,
    parts: AtomicU64,
    faults: AtomicU64,
    invocations: AtomicU64,
}

pub(crate) static TALLY: Tally = Tally {
    messages: AtomicU64::new(0),
    parts: AtomicU64::new(0),
    faults: AtomicU64::new(0),
    invocations: AtomicU64::new(0),
};

impl Tally {
    pub(crate) fn message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn part(&self) {
        self.parts.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a fault if there is one, and hands it on.
    pub(crate) fn fault(&self, is_fault: bool) -> bool {
        self.faults.fetch_add(u64::from(is_fault), Ordering::Relaxed);
        is_fault
    }

    pub(crate) fn invocation(&self) {
        self.invocations.fetch_add(1, Ordering::Relaxed);
    }

    #[expect(clippy::print_stdout, reason = "a run of half an hour says how far it is")]
    pub(crate) fn say(&self, rounds: u64) {
        let [messages, parts, faults, invocations] =
            [&self.messages, &self.parts, &self.faults, &self.invocations].map(|count| count.load(Ordering::Relaxed));
        println!("{rounds} rounds: {messages} messages, {parts} parts cut, {invocations} invocations, {faults} faults");
    }
}
