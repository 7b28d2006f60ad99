//! How an error ends a command: its chain printed once, its hint, its exit code.

use std::error::Error;

use super::Exit;
use tenantry_aws::cloud::CallError;
use tenantry_base::files::plain;
use tenantry_ops::deploy::ownership::OwnershipError;

/// An error at the edge: everything below is printed as a chain of causes.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// From how alike on two names are taken for each other (Jaro-Winkler, 0 to 1).
const LIKE: f64 = 0.8;

/// So many names are still read.
const FEW: usize = 12;

impl Failure {
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let hint = hint_of_call(error.as_ref());
        Self { exit: Exit::Error, error, hint }
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

    /// The error, its causes and the hint, a line each; a cause that its parent already quotes is left out.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("error: {}", plain(&self.error.to_string()))];
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let text = plain(&error.to_string());
            let quoted = text.to_lowercase();
            if !lines.iter().any(|line| line.to_lowercase().contains(&quoted)) {
                lines.push(format!("  caused by: {text}"));
            }
            cause = error.source();
        }
        lines.extend(self.hint.iter().map(|hint| format!("  help: {hint}")));
        lines
    }
}

/// What helps against a failed call to AWS anywhere in the chain.
fn hint_of_call(error: &(dyn Error + 'static)) -> Option<String> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(call) = error.downcast_ref::<CallError>() {
            return call.hint();
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
