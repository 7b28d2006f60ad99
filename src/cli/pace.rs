//! How fast a command asks AWS and how long it waits.

use std::time::Duration;

use clap::Args;

use tenantry_ops::deploy::prepare::{self, Alarms};

/// How often a command looks again.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pace")]
pub(super) struct Poll {
    /// Interval between two polls of stacks in progress.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, env = "TENANTRY_POLL_SECONDS")]
    poll: f64,
}

/// How often a command looks again, and for how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pace")]
pub(super) struct Waiting {
    #[command(flatten)]
    poll: Poll,
    /// Timeout per stack; AWS continues beyond it.
    #[arg(long, value_name = "MINUTES", default_value_t = 120)]
    deadline: u64,
}

/// How stacks are changed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pace")]
pub(super) struct Pace {
    #[command(flatten)]
    waiting: Waiting,
    /// Maximum number of stacks in progress in one account and region.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    concurrency: u16,
    /// Monitoring time of CloudFormation's rollback triggers after an update, which are always active during it.
    #[arg(long, value_name = "MINUTES", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=180))]
    monitor: u8,
    /// Update without rollback triggers.
    #[arg(long, conflicts_with = "monitor")]
    ignore_alarms: bool,
}

impl Poll {
    /// The pause between two looks.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs_f64(if self.poll.is_finite() { self.poll.clamp(0.05, 600.0) } else { 3.0 })
    }
}

impl Waiting {
    /// The pace of what no alarm watches.
    pub(super) fn unwatched(&self) -> prepare::Pace {
        let deadline = Duration::from_secs(self.deadline.saturating_mul(60));
        prepare::Pace { poll: self.poll.pause(), deadline, alarms: Alarms::Ignored }
    }
}

impl Pace {
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency.into()
    }

    pub(super) fn wait(&self) -> prepare::Pace {
        let alarms = if self.ignore_alarms { Alarms::Ignored } else { Alarms::Watched { minutes: self.monitor } };
        prepare::Pace { alarms, ..self.waiting.unwatched() }
    }
}
