//! Executing a plan in front of a person: the question, the progress, the summary, the exit code.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Mutex;

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::sync::watch;

use super::pace::Pace;
use super::{Exit, Failure, Output};
use crate::cloud::{Cloud, Place};
use crate::deploy::apply::{self, Options, Outcomes};
use crate::deploy::events::{Event, Outcome, What};
use crate::deploy::{Action, Desired, Plan};
use crate::report;

/// How a plan is executed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct Execution {
    /// Do not ask.
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Allow this stateful resource, by logical id, to be replaced or removed.
    #[arg(long, value_name = "LOGICAL_ID")]
    pub(super) allow_replace: Vec<String>,
    /// Start no more stacks after this many failures.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) max_failures: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    outcomes: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    tenant: &'a str,
    place: &'a Place,
    outcome: &'a Outcome,
}

/// Asks, executes and reports.
pub(super) async fn execute(
    cloud: &Cloud,
    plan: &Plan,
    desired: &[Desired],
    how: &Execution,
    pace: &Pace,
    output: Output,
) -> Result<Exit, Failure> {
    let refused = plan.refused(&how.allow_replace);
    if !refused.is_empty() {
        let named = refused.iter().map(|(tenant, change)| format!("{} of {tenant}", change.logical_id));
        let message =
            format!("stateful resources would be replaced or removed: {}", named.collect::<Vec<_>>().join(", "));
        return Err(Failure::new(message)
            .with_exit(Exit::Refused)
            .with_hint("name each with `--allow-replace LOGICAL_ID` if that is what you want"));
    }
    let work =
        plan.stacks.iter().filter(|stack| !matches!(stack.action, Action::Nothing | Action::Blocked { .. })).count();
    if work == 0 {
        return Ok(super::plan::exit(plan));
    }
    if !how.yes && !confirmed(&format!("Deploy {work} stack{}?", if work == 1 { "" } else { "s" }), "yes")? {
        return Err(Failure::new("not confirmed, nothing was deployed").with_exit(Exit::Refused));
    }
    let options = Options {
        concurrency: pace.concurrency(),
        max_failures: how.max_failures,
        pace: pace.wait(),
        allow_replace: how.allow_replace.clone(),
    };
    let (stop, stopped) = watch::channel(false);
    let progress = Progress::new(work);
    let draw = |event: Event| progress.draw(&event);
    let run = apply::apply(cloud, plan, desired, &options, stopped, &draw);
    tokio::pin!(run);
    let outcomes = loop {
        tokio::select! {
            result = &mut run => break result,
            signal = tokio::signal::ctrl_c() => {
                signal?;
                progress.say("stopping: what AWS has begun goes on there; run the same command again to continue");
                let _ = stop.send(true);
            }
        }
    };
    let outcomes = outcomes.map_err(|refused| Failure::new(refused).with_exit(Exit::Refused))?;
    progress.clear();
    let lines = outcomes.iter().map(|((tenant, place), outcome)| Line { tenant, place, outcome }).collect();
    output.show("tenantry/outcomes/v1", &Answer { outcomes: lines }, |answer| {
        answer.outcomes.iter().map(text).collect()
    })?;
    Ok(exit(&outcomes).max(if plan.blocked().next().is_some() { Exit::Changes } else { Exit::Clean }))
}

fn text(line: &Line<'_>) -> String {
    let event = Event { tenant: line.tenant.to_owned(), what: What::Ended { outcome: line.outcome.clone() } };
    format!("{} ({} in {})\n", report::plan::event(&event), line.place.account, line.place.region)
}

/// What outcomes say to the shell.
fn exit(outcomes: &Outcomes) -> Exit {
    let one = |outcome: &Outcome| match outcome {
        Outcome::Done => Exit::Clean,
        Outcome::Stale { .. } => Exit::Refused,
        Outcome::StillRunning => Exit::Incomplete,
        Outcome::Failed { .. } | Outcome::Broken { .. } | Outcome::NotStarted => Exit::Error,
    };
    outcomes.values().map(one).max().unwrap_or(Exit::Clean)
}

/// Whether the person types `word`. Without a terminal nobody can be asked.
pub(super) fn confirmed(question: &str, word: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new("nobody can be asked, because standard input is no terminal")
            .with_exit(Exit::Refused)
            .with_hint("say `--yes` (or `--confirm NAME` to destroy) if that is what you want"));
    }
    anstream::eprint!("{question} Type `{word}`: ");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == word)
}

/// Progress on standard error: a bar with the latest lines on a terminal, else every event as a line.
struct Progress {
    bars: Option<(MultiProgress, ProgressBar)>,
    last: Mutex<Option<String>>,
}

impl Progress {
    fn new(stacks: usize) -> Self {
        let bars = io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::new();
            let bar = bars.add(ProgressBar::new(stacks as u64));
            if let Ok(style) =
                ProgressStyle::with_template("{bar:30} {pos}/{len} stacks, {elapsed}, about {eta} left  {msg}")
            {
                bar.set_style(style);
            }
            (bars, bar)
        });
        Self { bars, last: Mutex::new(None) }
    }

    fn draw(&self, event: &Event) {
        let line = report::plan::event(event);
        match (&self.bars, &event.what) {
            (Some((_, bar)), What::Ended { .. }) => {
                bar.inc(1);
                self.say(&line);
            }
            (Some((_, bar)), _) => bar.set_message(line),
            (None, What::Resource { status, .. }) if !status.ends_with("FAILED") => {}
            (None, _) => self.say(&line),
        }
    }

    /// A line that stays; the same line is not said twice in a row.
    fn say(&self, line: &str) {
        let Ok(mut last) = self.last.lock() else { return };
        if last.as_deref() == Some(line) {
            return;
        }
        *last = Some(line.to_owned());
        match &self.bars {
            // What cannot be drawn is no reason to stop a deploy.
            Some((bars, _)) => drop(bars.println(line)),
            None => anstream::eprintln!("{line}"),
        }
    }

    fn clear(&self) {
        if let Some((_, bar)) = &self.bars {
            bar.finish_and_clear();
        }
    }
}
