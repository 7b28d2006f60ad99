//! Progress on standard error: on a terminal a line for each stack in flight, with counts of resources and time left; else a
//! line for every event.

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::report;
use crate::report::groups::counted;
use tenantry_aws::cloud::Place;
use tenantry_ops::deploy::Plan;
use tenantry_ops::deploy::events::{Event, Outcome, What};

const REDRAW: Duration = Duration::from_millis(250);

/// Says on a terminal what is being done before there is an answer; nothing elsewhere.
pub(super) struct Spinner(Option<ProgressBar>);

impl Spinner {
    /// Shows at once that something is done.
    pub(super) fn start(what: &str) -> Self {
        let spinner = Self(io::stderr().is_terminal().then(ProgressBar::new_spinner));
        if let Some(bar) = &spinner.0 {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(REDRAW);
        }
        spinner
    }

    /// What is done now.
    pub(super) fn next(&self, what: impl Into<String>) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.into());
        }
    }

    /// Takes it away for as long as something else is printed.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

type Key = (String, Place);

/// What is drawn while a plan is executed.
pub(super) struct Progress {
    bars: Option<Bars>,
    counts: Mutex<Counts>,
    last: Mutex<Option<String>>,
}

struct Bars {
    all: MultiProgress,
    sum: ProgressBar,
    flying: Mutex<HashMap<Key, ProgressBar>>,
}

#[derive(Clone, Default)]
struct Counts {
    stacks: usize,
    done: usize,
    failed: usize,
    flying: usize,
    /// Resources that change, of all stacks.
    resources: usize,
    /// Those of them that are not through yet, by stack.
    open: HashMap<Key, HashSet<String>>,
    of: HashMap<Key, usize>,
}

impl Counts {
    fn of(plan: &Plan) -> Self {
        let mut counts = Self::default();
        for stack in plan.work() {
            let ids: HashSet<String> = stack.action.changes().iter().map(|change| change.logical_id.clone()).collect();
            let key = (stack.tenant.clone(), stack.place.clone());
            counts.stacks += 1;
            counts.resources += ids.len();
            counts.of.insert(key.clone(), ids.len());
            counts.open.insert(key, ids);
        }
        counts
    }

    fn ended(&self) -> usize {
        self.done + self.failed
    }

    /// Resources that are through.
    fn through(&self) -> usize {
        self.resources - self.open.values().map(HashSet::len).sum::<usize>()
    }

    fn take(&mut self, event: &Event) {
        let key = (event.tenant.clone(), event.place.clone());
        match &event.what {
            What::Started => self.flying += 1,
            What::Resource { logical_id, status, .. } => {
                if let Some(open) = self.open.get_mut(&key).filter(|_| is_through(status)) {
                    open.remove(logical_id);
                }
            }
            What::Ended { outcome } => {
                self.flying = self.flying.saturating_sub(1);
                if matches!(outcome, Outcome::Done | Outcome::Cleared | Outcome::Recovered { .. } | Outcome::Imported) {
                    self.done += 1;
                    // Events are read now and then: the last of them may not have come.
                    self.open.remove(&key);
                } else {
                    self.failed += 1;
                }
            }
            _ => {}
        }
    }
}

/// Whether a resource's change has come to its end: not one that is undone, nor a physical resource that goes afterwards.
fn is_through(status: &str) -> bool {
    status.ends_with("_COMPLETE") && !status.contains("ROLLBACK") && !status.contains("CLEANUP")
}

impl Progress {
    pub(super) fn new(plan: &Plan) -> Self {
        let counts = Counts::of(plan);
        let bars = io::stderr().is_terminal().then(|| Bars::new(&counts));
        Self { bars, counts: Mutex::new(counts), last: Mutex::new(None) }
    }

    pub(super) fn draw(&self, event: &Event) {
        // Nothing panics while the counts are held.
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.take(event);
        match &self.bars {
            Some(bars) => {
                if matches!(event.what, What::Ended { .. }) {
                    self.say(&report::plan::event(event));
                }
                bars.draw(event, &counts);
            }
            None => match &event.what {
                What::Resource { status, .. } if !status.ends_with("FAILED") => {}
                What::Ended { .. } => {
                    self.say(&format!("[{}/{}] {}", counts.ended(), counts.stacks, report::plan::event(event)));
                }
                _ => self.say(&report::plan::event(event)),
            },
        }
    }

    /// A line that stays; the same line is not said twice in a row.
    pub(super) fn say(&self, line: &str) {
        let Ok(mut last) = self.last.lock() else { return };
        if last.as_deref() == Some(line) {
            return;
        }
        *last = Some(line.to_owned());
        match &self.bars {
            // What cannot be drawn is no reason to stop a deploy.
            Some(bars) => drop(bars.all.println(line)),
            None => anstream::eprintln!("{line}"),
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bars) = &self.bars {
            bars.clear();
        }
    }
}

impl Bars {
    fn new(counts: &Counts) -> Self {
        let all = MultiProgress::new();
        let sum = all.add(ProgressBar::new(counts.resources as u64));
        if let Ok(style) = ProgressStyle::with_template("{bar:12} {pos} of {len} resources  {wide_msg}  {elapsed}") {
            sum.set_style(style);
        }
        sum.enable_steady_tick(REDRAW);
        sum.set_message(summary(counts, Duration::ZERO));
        Self { all, sum, flying: Mutex::default() }
    }

    fn draw(&self, event: &Event, counts: &Counts) {
        let Ok(mut flying) = self.flying.lock() else { return };
        let key = (event.tenant.clone(), event.place.clone());
        match &event.what {
            What::Ended { .. } => {
                if let Some(bar) = flying.remove(&key) {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                }
            }
            what => {
                let open = counts.open.get(&key).map_or(0, HashSet::len);
                let of = counts.of.get(&key).copied().unwrap_or(0);
                let bar = flying.entry(key).or_insert_with(|| self.line(event));
                bar.set_message(format!("{} of {of}  {}", of - open, report::plan::what(what)));
            }
        }
        self.sum.set_position(counts.through() as u64);
        self.sum.set_message(summary(counts, self.sum.elapsed()));
    }

    /// The line of one stack, above the sum.
    fn line(&self, event: &Event) -> ProgressBar {
        let bar = self.all.insert_before(&self.sum, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:20} {elapsed:>4}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(event.tenant.clone());
        bar.enable_steady_tick(REDRAW);
        bar
    }

    fn clear(&self) {
        if let Ok(mut flying) = self.flying.lock() {
            flying.drain().for_each(|(_, bar)| bar.finish_and_clear());
        }
        self.sum.finish_and_clear();
    }
}

/// `1 of 50 stacks done, 3 failed, 8 in progress, about 12 min left`.
fn summary(counts: &Counts, elapsed: Duration) -> String {
    let mut parts = vec![format!("{} of {} done", counts.done, counted(counts.stacks, "stack"))];
    if counts.failed > 0 {
        parts.push(format!("{} failed", counts.failed));
    }
    if counts.flying > 0 {
        parts.push(format!("{} in progress", counts.flying));
    }
    let (through, minutes) = (counts.through() as f64, elapsed.as_secs_f64() / 60.0);
    if through > 0.0 && minutes > 0.0 {
        let left = (counts.resources as f64 - through) * minutes / through;
        parts.push(if left < 1.0 {
            format!("about {:.0} s left", left * 60.0)
        } else {
            format!("about {left:.0} min left")
        });
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: &str) -> Key {
        (tenant.to_owned(), serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap())
    }

    fn counts() -> Counts {
        let ids = |count: usize| (0..count).map(|n| format!("R{n}")).collect::<HashSet<_>>();
        let open = HashMap::from([(key("acme"), ids(150)), (key("bolt"), ids(4))]);
        let of = open.iter().map(|(key, ids)| (key.clone(), ids.len())).collect();
        Counts { stacks: 2, resources: 154, open, of, ..Counts::default() }
    }

    #[test]
    fn resources_are_counted_once_when_they_are_through_and_all_of_a_stack_that_is_done() {
        let mut counts = counts();
        let mut take = |tenant: &str, what: What| {
            let (tenant, place) = key(tenant);
            counts.take(&Event { tenant, place, what });
            counts.through()
        };
        let resource = |id: &str, status: &str| What::Resource {
            logical_id: id.to_owned(),
            status: status.to_owned(),
            reason: None,
        };
        assert_eq!(take("acme", What::Started), 0);
        assert_eq!(take("acme", resource("R1", "CREATE_IN_PROGRESS")), 0);
        assert_eq!(take("acme", resource("R1", "CREATE_COMPLETE")), 1);
        assert_eq!(take("acme", resource("R1", "CREATE_COMPLETE")), 1);
        assert_eq!(take("acme", resource("org-acme", "CREATE_COMPLETE")), 1);
        assert_eq!(take("acme", resource("R2", "UPDATE_ROLLBACK_COMPLETE")), 1);
        assert_eq!(take("bolt", resource("R1", "DELETE_COMPLETE")), 2);
        assert_eq!(take("bolt", What::Ended { outcome: Outcome::Done }), 5);
        assert_eq!(take("acme", What::Ended { outcome: Outcome::NotStarted }), 5);
        assert_eq!((counts.done, counts.failed), (1, 1));
    }

    #[test]
    fn the_sum_shows_stacks_failures_and_time_left_by_resources() {
        let mut counts = counts();
        counts.open.insert(key("acme"), (0..136).map(|n| format!("R{n}")).collect());
        (counts.failed, counts.flying) = (0, 1);
        assert_eq!(summary(&counts, Duration::ZERO), "0 of 2 stacks done, 1 in progress");
        counts.failed = 1;
        let text = summary(&counts, Duration::from_secs(120));
        assert_eq!(text, "0 of 2 stacks done, 1 failed, 1 in progress, about 20 min left");
    }
}
