//! Exit codes: what a command says to the shell that called it.

use std::process::{ExitCode, Termination};

use tenantry_base::finding::Severity;
use tenantry_checks::capacity::Level;

/// The documented exit codes (docs/exit-codes.md). Ordered by urgency: combining two keeps the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Success, with nothing left to do.
    Clean,
    /// There are changes, drift or findings.
    Changes,
    /// Something is unknown.
    Incomplete,
    /// The command refused to change something.
    Refused,
    /// The command failed.
    Error,
}

/// Printed below the help of `tenantry` itself.
pub(super) fn help() -> String {
    let codes = Exit::ALL.map(|exit| format!("  {}  {}", exit.code(), exit.meaning()));
    format!(
        "Examples:\n  tenantry init metanet\n  tenantry plan\n  tenantry deploy acme\n\nExit codes:\n{}",
        codes.join("\n")
    )
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// What is unknown makes an answer incomplete; errors and warnings are findings.
impl From<Level> for Exit {
    fn from(level: Level) -> Self {
        match level {
            Level::Ok => Self::Clean,
            Level::Warning | Level::Error => Self::Changes,
            Level::Unknown => Self::Incomplete,
        }
    }
}

impl From<Severity> for Exit {
    fn from(severity: Severity) -> Self {
        Level::from(severity).into()
    }
}

impl Exit {
    /// Every exit code, in the order of the numbers.
    pub const ALL: [Self; 5] = [Self::Clean, Self::Error, Self::Changes, Self::Refused, Self::Incomplete];

    /// What the code means for every command.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Clean => "success, nothing left to do",
            Self::Error => "error: the command failed, or its arguments are wrong",
            Self::Changes => "there are changes, drift or findings",
            Self::Refused => "refused: blocked, locked, not confirmed, or a gate failed",
            Self::Incomplete => "incomplete: something is unknown or still in progress",
        }
    }

    /// The code that the shell gets.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Refused => 3,
            Self::Incomplete => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_asks_for_most_attention_is_kept() {
        let all = [Exit::Refused, Exit::Clean, Exit::Error, Exit::Changes, Exit::Incomplete];
        let mut sorted = all.to_vec();
        sorted.sort();
        assert_eq!(sorted, [Exit::Clean, Exit::Changes, Exit::Incomplete, Exit::Refused, Exit::Error]);
    }
}
