//! Progress on standard error: on a terminal a line for each stack in flight, with counts of resources and time left; else a
//! line for every event.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::report;
use crate::report::groups::counted;
use tenantry_ops::deploy::Plan;
use tenantry_ops::deploy::durations::{Clock, Durations, Key};
use tenantry_ops::deploy::events::{Event, What};

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

/// What is drawn while a plan is executed.
pub(super) struct Progress {
    bars: Option<Bars>,
    counts: Mutex<Counts>,
    /// Stacks of an account and region that change at a time.
    concurrency: usize,
    last: Mutex<Option<String>>,
}

struct Bars {
    all: MultiProgress,
    sum: ProgressBar,
    flying: Mutex<HashMap<Key, ProgressBar>>,
}

/// How many stacks came how far.
#[derive(Default)]
struct Counts {
    stacks: usize,
    done: usize,
    failed: usize,
    flying: usize,
    clock: Clock,
}

impl Counts {
    fn ended(&self) -> usize {
        self.done + self.failed
    }

    fn take(&mut self, event: &Event) {
        self.clock.take(event);
        match &event.what {
            What::Started => self.flying += 1,
            What::Ended { outcome } => {
                self.flying = self.flying.saturating_sub(1);
                *(if outcome.is_success() { &mut self.done } else { &mut self.failed }) += 1;
            }
            _ => {}
        }
    }
}

impl Progress {
    pub(super) fn new(plan: &Plan, earlier: Durations, concurrency: usize) -> Self {
        let counts = Counts { stacks: plan.work().count(), clock: Clock::new(plan, earlier), ..Counts::default() };
        let bars = io::stderr().is_terminal().then(|| Bars::new(&counts));
        Self { bars, counts: Mutex::new(counts), concurrency, last: Mutex::new(None) }
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
                bars.draw(event, &counts, self.concurrency);
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
        let sum = all.add(ProgressBar::new(counts.clock.resources() as u64));
        if let Ok(style) = ProgressStyle::with_template("{bar:12} {pos} of {len} resources  {wide_msg}  {elapsed}") {
            sum.set_style(style);
        }
        sum.enable_steady_tick(REDRAW);
        sum.set_message(summary(counts, Duration::ZERO, None));
        Self { all, sum, flying: Mutex::default() }
    }

    fn draw(&self, event: &Event, counts: &Counts, concurrency: usize) {
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
                let (through, of) = counts.clock.of_stack(&key);
                let bar = flying.entry(key).or_insert_with(|| self.line(event));
                bar.set_message(format!("{through} of {of}  {}", report::plan::what(what)));
            }
        }
        self.sum.set_position(counts.clock.through() as u64);
        let left = counts.clock.left(concurrency, jiff::Timestamp::now().as_second());
        self.sum.set_message(summary(counts, self.sum.elapsed(), left));
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

/// `1 of 50 stacks done, 3 failed, 8 in progress, about 12 min left`: by earlier runs, else by the resources that are through.
fn summary(counts: &Counts, elapsed: Duration, left: Option<Duration>) -> String {
    let mut parts = vec![format!("{} of {} done", counts.done, counted(counts.stacks, "stack"))];
    if counts.failed > 0 {
        parts.push(format!("{} failed", counts.failed));
    }
    if counts.flying > 0 {
        parts.push(format!("{} in progress", counts.flying));
    }
    let through = counts.clock.through() as f64;
    let open = counts.clock.resources() as f64 - through;
    let by_pace = || (through > 0.0).then(|| elapsed.mul_f64(open / through)).filter(|left| !left.is_zero());
    if let Some(left) = left.or_else(by_pace) {
        let seconds = left.as_secs_f64();
        parts.push(if seconds < 60.0 {
            format!("about {seconds:.0} s left")
        } else {
            format!("about {:.0} min left", seconds / 60.0)
        });
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_shows_stacks_failures_and_the_time_left() {
        let mut counts = Counts { stacks: 2, flying: 1, ..Counts::default() };
        assert_eq!(summary(&counts, Duration::ZERO, None), "0 of 2 stacks done, 1 in progress");
        counts.failed = 1;
        let text = summary(&counts, Duration::from_secs(120), Some(Duration::from_secs(1230)));
        assert_eq!(text, "0 of 2 stacks done, 1 failed, 1 in progress, about 20 min left");
    }
}
