//! How often AWS is asked about stacks, and for how long.

use std::time::Duration;

/// How often to look, for how long, and what is watched meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub poll: Duration,
    pub deadline: Duration,
    pub alarms: Alarms,
}

/// Whether a tenant's own alarms roll its update back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarms {
    Ignored,
    /// During the update and so many minutes after it.
    Watched {
        minutes: u8,
    },
}
