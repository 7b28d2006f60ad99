//! Exit codes: what a command says to the shell that called it.

use std::process::{ExitCode, Termination};

use tenantry_checks::capacity::Level;

/// The documented exit codes. Ordered by how much they ask for attention: combining two keeps the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Nothing to do, or all well.
    Clean,
    /// There are changes, drift or findings.
    Changes,
    /// Something could not be checked.
    Incomplete,
    /// A gate refused.
    Refused,
    /// The command failed.
    Error,
}

/// Printed below every command's long help.
pub(super) const HELP: &str = "Exit codes: 0 nothing to do or all well; 1 error; 2 there are changes, drift or findings; \
                        3 a gate refused; 4 incomplete (something could not be checked).";

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

impl Exit {
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
