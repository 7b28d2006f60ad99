//! Progress on standard error: on a terminal a line for each stack in flight, with counts, rate and time left; else a
//! line for every event.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::report;
use tenantry_aws::cloud::Place;
use tenantry_ops::deploy::events::{Event, Outcome, What};

const REDRAW: Duration = Duration::from_millis(250);

/// What is drawn while a plan is executed.
pub(super) struct Progress {
    bars: Option<Bars>,
    counts: Mutex<Counts>,
    last: Mutex<Option<String>>,
}

struct Bars {
    all: MultiProgress,
    sum: ProgressBar,
    flying: Mutex<HashMap<(String, Place), ProgressBar>>,
}

#[derive(Clone, Copy)]
struct Counts {
    stacks: usize,
    done: usize,
    failed: usize,
    flying: usize,
}

impl Counts {
    fn ended(self) -> usize {
        self.done + self.failed
    }
}

impl Progress {
    pub(super) fn new(stacks: usize) -> Self {
        let counts = Mutex::new(Counts { stacks, done: 0, failed: 0, flying: 0 });
        Self { bars: io::stderr().is_terminal().then(|| Bars::new(stacks)), counts, last: Mutex::new(None) }
    }

    pub(super) fn draw(&self, event: &Event) {
        let counts = self.count(event);
        match &self.bars {
            Some(bars) => {
                if matches!(event.what, What::Ended { .. }) {
                    self.say(&report::plan::event(event));
                }
                bars.draw(event, counts);
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

    fn count(&self, event: &Event) -> Counts {
        // Nothing panics while the counts are held.
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &event.what {
            What::Started => counts.flying += 1,
            What::Ended { outcome } => {
                counts.flying = counts.flying.saturating_sub(1);
                if matches!(outcome, Outcome::Done | Outcome::Cleared | Outcome::Recovered { .. } | Outcome::Imported) {
                    counts.done += 1
                } else {
                    counts.failed += 1
                }
            }
            _ => {}
        }
        *counts
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
    fn new(stacks: usize) -> Self {
        let all = MultiProgress::new();
        let sum = all.add(ProgressBar::new(stacks as u64));
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} stacks  {msg}  {elapsed}") {
            sum.set_style(style);
        }
        sum.enable_steady_tick(REDRAW);
        Self { all, sum, flying: Mutex::default() }
    }

    fn draw(&self, event: &Event, counts: Counts) {
        let Ok(mut flying) = self.flying.lock() else { return };
        let key = (event.tenant.clone(), event.place.clone());
        match &event.what {
            What::Ended { .. } => {
                if let Some(bar) = flying.remove(&key) {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                }
                self.sum.set_position(counts.ended() as u64);
            }
            what => {
                let bar = flying.entry(key).or_insert_with(|| self.line(event));
                bar.set_message(report::plan::what(what));
            }
        }
        self.sum.set_message(summary(counts, self.sum.elapsed()));
    }

    /// The line of one stack, above the sum.
    fn line(&self, event: &Event) -> ProgressBar {
        let bar = self.all.insert_before(&self.sum, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:20.bold} {elapsed:>4}  {wide_msg}") {
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

/// `3 failed, 8 in flight, 4.0 a minute, about 12 min left`.
fn summary(counts: Counts, elapsed: Duration) -> String {
    let mut parts = Vec::new();
    if counts.failed > 0 {
        parts.push(format!("{} failed", counts.failed));
    }
    parts.push(format!("{} in flight", counts.flying));
    let (ended, minutes) = (counts.ended() as f64, elapsed.as_secs_f64() / 60.0);
    if ended > 0.0 && minutes > 0.0 {
        let rate = ended / minutes;
        let left = (counts.stacks as f64 - ended) / rate;
        parts.push(format!("{rate:.1} a minute"));
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

    #[test]
    fn the_sum_shows_failures_rate_and_time_left() {
        let counts = Counts { stacks: 50, done: 9, failed: 1, flying: 8 };
        let text = summary(counts, Duration::from_secs(150));
        assert_eq!(text, "1 failed, 8 in flight, 4.0 a minute, about 10 min left");
        let first = Counts { done: 0, failed: 0, ..counts };
        assert_eq!(summary(first, Duration::from_secs(150)), "8 in flight");
        let last = Counts { done: 49, failed: 0, ..counts };
        assert_eq!(summary(last, Duration::from_secs(49)), "8 in flight, 60.0 a minute, about 1 s left");
    }
}
