//! How fast a command asks AWS and how long it waits.

use std::time::Duration;

use clap::Args;

use crate::deploy::prepare;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pace")]
pub(super) struct Pace {
    /// Stacks at work at once in one account and region.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    concurrency: u16,
    /// Seconds between two looks at the stacks at work.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, env = "TENANTRY_POLL_SECONDS")]
    poll: f64,
    /// Minutes after which waiting ends; AWS goes on.
    #[arg(long, value_name = "MINUTES", default_value_t = 120)]
    deadline: u64,
}

impl Pace {
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency.into()
    }

    pub(super) fn wait(&self) -> prepare::Pace {
        let poll = if self.poll.is_finite() { self.poll.clamp(0.05, 600.0) } else { 3.0 };
        prepare::Pace { poll: Duration::from_secs_f64(poll), deadline: Duration::from_secs(self.deadline * 60) }
    }
}
