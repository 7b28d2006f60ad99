//! The journal of one run while it is made: what it set out to do, what it did, and the reasons that it was given.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::events::Events;
use super::{Failure, guard};
use tenantry_ops::deploy::Plan;
use tenantry_ops::deploy::durations::Stopwatch;
use tenantry_ops::deploy::events::{Event, What};
use tenantry_ops::deploy::gate::Accepted;
use tenantry_ops::deploy::journal::{self, Entry, Journal, Planned, Record};
use tenantry_ops::release::roll::Happened;

/// Writes the journal of one run; remembers the first line that could not be written.
pub(super) struct Log {
    journal: Mutex<(Journal, Option<io::Error>)>,
    run: String,
    watch: Mutex<Stopwatch>,
    events: Events,
}

/// What a run sets out to do.
pub(super) struct Intent<'a> {
    /// The subcommand: `deploy`, `release roll`.
    pub(super) command: &'a str,
    pub(super) release: &'a str,
    /// SHA-256 of the plan; `-` for a run that has none.
    pub(super) plan: &'a str,
    pub(super) stacks: Vec<Planned>,
}

/// The stacks that a plan changes.
pub(super) fn planned(plan: &Plan) -> Vec<Planned> {
    let stacks = plan.work().map(|stack| Planned {
        tenant: stack.tenant.clone(),
        place: stack.place.clone(),
        stack: stack.stack.clone(),
        action: stack.action.name().to_owned(),
    });
    stacks.collect()
}

impl Log {
    /// Begins the journal of the run of this name, with what its plan was allowed to break.
    ///
    /// # Errors
    /// The journal cannot be written; a run that leaves no trace is not begun.
    pub(super) fn open(root: &Path, name: &str, intent: Intent<'_>, accepted: &[Accepted]) -> io::Result<Self> {
        let mut journal = Journal::create(root, name)?;
        journal.write(&entry(Record::Begun {
            schema: journal::SCHEMA.to_owned(),
            by: guard::who(),
            command: intent.command.to_owned(),
            release: intent.release.to_owned(),
            plan: intent.plan.to_owned(),
            stacks: intent.stacks,
        }))?;
        for accepted in accepted {
            journal.write(&entry(Record::Accepted { accepted: accepted.clone() }))?;
        }
        let (journal, watch) = (Mutex::new((journal, None)), Mutex::default());
        Ok(Self { journal, run: name.to_owned(), watch, events: Events::Nowhere })
    }

    /// The same, which tells programs of every event too.
    #[must_use]
    pub(super) fn streaming(self, events: Events) -> Self {
        Self { events, ..self }
    }

    /// Tells programs of an event that no journal keeps.
    pub(super) fn tell(&self, event: &Happened) {
        self.events.write(&self.run, event);
    }

    /// Writes down what an event says of a stack's outcome, and what took long in it. False once something could not be
    /// written.
    pub(super) fn note(&self, event: &Event) -> bool {
        self.tell(&Happened::Stack(event.clone()));
        // Nothing panics while the watch is held.
        let seconds = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take(event);
        let (tenant, place) = (event.tenant.clone(), event.place.clone());
        self.write(match &event.what {
            What::Started => Record::Started { tenant, place },
            What::Ended { outcome } => Record::Ended { tenant, place, outcome: outcome.clone(), seconds },
            _ => return true,
        })
    }

    /// Writes a line. False once something could not be written.
    pub(super) fn write(&self, record: Record) -> bool {
        // Nothing panics while the journal is held.
        let mut held = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let (journal, broken) = &mut *held;
        if broken.is_none() {
            *broken = journal.write(&entry(record)).err();
        }
        broken.is_none()
    }

    /// Writes the last line.
    ///
    /// # Errors
    /// A line could not be written.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let (mut journal, broken) = self.journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        let written = broken.map_or_else(|| journal.write(&entry(Record::Finished)), Err);
        written.map_err(|error| Failure::new(format!("cannot write `{}`: {error}", journal.path.display())))
    }
}

/// A line of a journal, as of now.
pub(super) fn entry(record: Record) -> Entry {
    Entry { at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), record }
}
