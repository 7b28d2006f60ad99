//! How an error ends a command: its chain printed once, its hint, its exit code.

use std::error::Error;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Format, Output};
use crate::report::findings::{self, Group};
use tenantry_aws::cloud::{CallError, ConfigureError, Unopened};
use tenantry_base::files::plain;
use tenantry_base::finding::Finding;
use tenantry_ops::deploy::ownership::OwnershipError;

/// An error at the edge: everything below is printed as a chain of causes.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What was found in files, where that is the error.
    pub findings: Vec<Finding>,
}

/// Nothing could be done, because no account let the caller in.
#[derive(Debug)]
struct NothingChecked(Unopened);

impl fmt::Display for NothingChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no account could be entered, so nothing was checked")
    }
}

impl Error for NothingChecked {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// A failure for programs.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorAnswer {
    /// What failed, lower case.
    error: String,
    /// Causes, from the nearest to the root cause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caused_by: Vec<String>,
    /// How to fix it; null if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// Exit code of the command.
    exit: u8,
    /// Findings that made the command fail, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Group>,
}

/// From how alike on two names are taken for each other (Jaro-Winkler, 0 to 1).
const LIKE: f64 = 0.8;

/// So many names are still read.
const FEW: usize = 12;

impl Failure {
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let hint = hint_of_call(error.as_ref());
        Self { exit: Exit::Error, error, hint, findings: Vec::new() }
    }

    /// There is nothing of that name; the hint is the known one that is most like it, or a few that there are.
    pub fn absent<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let likeness = |other: &str| strsim::jaro_winkler(other, name);
        let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let failure = Self::new(format!("there is no {what} `{name}`"));
        match nearest {
            Some(nearest) if likeness(nearest) > LIKE => failure.with_hint(format!("did you mean `{nearest}`?")),
            Some(only) if known.len() == 1 => failure.with_hint(format!("there is only `{only}`")),
            Some(_) if known.len() <= FEW => failure.with_hint(format!("there are {}", known.join(", "))),
            _ => failure,
        }
    }

    /// Not one account could be entered.
    pub fn none_entered(cause: Unopened) -> Self {
        let hint = cause.hint.clone();
        Self { hint, ..Self::new(NothingChecked(cause)) }
    }

    /// A stack cannot be touched: one that is not this estate's is refused.
    pub fn ownership(error: OwnershipError) -> Self {
        let exit = match error {
            OwnershipError::NotOurs { .. } => Exit::Refused,
            OwnershipError::Call { .. } => Exit::Error,
        };
        Self::new(error).with_exit(exit)
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub fn with_findings(mut self, found: &[Finding]) -> Self {
        self.findings = found.to_vec();
        self
    }

    /// The error and its causes; one that its parent already quotes is left out.
    fn chain(&self) -> Vec<String> {
        let mut chain = vec![plain(&self.error.to_string())];
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let text = plain(&error.to_string());
            let quoted = text.to_lowercase();
            if !chain.iter().any(|line| line.to_lowercase().contains(&quoted)) {
                chain.push(text);
            }
            cause = error.source();
        }
        chain
    }

    /// The error, its causes and the hint, a line each.
    pub fn lines(&self) -> Vec<String> {
        let links = self.chain().into_iter().enumerate();
        let mut lines: Vec<String> = links
            .map(|(depth, text)| if depth == 0 { format!("error: {text}") } else { format!("  caused by: {text}") })
            .collect();
        lines.extend(self.hint.iter().map(|hint| format!("  help: {hint}")));
        lines
    }

    /// Prints the failure as text, and as JSON where that was asked for and no other answer was given.
    pub fn report(&self, format: Format) {
        for line in self.lines() {
            anstream::eprintln!("{line}");
        }
        if format != Format::Json || Output::has_answered() {
            return;
        }
        let mut chain = self.chain().into_iter();
        let answer = ErrorAnswer {
            error: chain.next().unwrap_or_default(),
            caused_by: chain.collect(),
            help: self.hint.clone(),
            exit: self.exit.code(),
            findings: findings::grouped(&self.findings),
        };
        // Whatever keeps it from being printed: the text is.
        let _printed = Output::new(format).json(&answer);
    }
}

/// What helps against a failed call to AWS anywhere in the chain.
fn hint_of_call(error: &(dyn Error + 'static)) -> Option<String> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(call) = error.downcast_ref::<CallError>() {
            return call.hint();
        }
        if let Some(error) = error.downcast_ref::<ConfigureError>() {
            return Some(error.hint());
        }
        link = error.source();
    }
    None
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}
