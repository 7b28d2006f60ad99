//! Exit codes: what a command says to the shell that called it.

use std::process::{ExitCode, Termination};

/// The documented exit codes. Ordered by how much they ask for attention: combining two keeps the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Nothing to do, or all well.
    Clean = 0,
    /// There are changes, drift or findings.
    Changes = 2,
    /// Something could not be checked.
    Incomplete = 4,
    /// A gate refused.
    Refused = 3,
    /// The command failed.
    Error = 1,
}

/// Printed below every command's long help.
pub(super) const HELP: &str = "Exit codes: 0 nothing to do or all well; 1 error; 2 there are changes, drift or findings; \
                        3 a gate refused; 4 incomplete (something could not be checked).";

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
