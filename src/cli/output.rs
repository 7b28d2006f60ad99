//! Where a command's answer goes: standard output, as text, as JSON with a versioned schema, or as what CI reads.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use serde::Serialize;

use super::Failure;
use super::answers::{self, Answer};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs; the schema's name and version stand in it.
    Json,
    /// For pull requests.
    Markdown,
    /// Findings for code scanning: SARIF 2.1.0.
    Sarif,
    /// Findings for the test views of CI: JUnit's XML.
    Junit,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
        })
    }
}

/// Standard output in the chosen format. A closed pipe ends the output quietly.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub format: Format,
}

/// Set by the first answer: what fails after it adds none.
static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Standard output is for lines of JSON only.
static LINES: AtomicBool = AtomicBool::new(false);

/// Every JSON answer: the schema's name and version beside the value.
#[derive(Serialize)]
struct Envelope<'a, A: Serialize> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    #[serde(flatten)]
    answer: &'a A,
}

impl<'a, A: Answer> Envelope<'a, A> {
    fn of(answer: &'a A) -> Self {
        Self { schema: (!A::IS_STORED).then_some(A::SCHEMA), answer }
    }
}

impl Output {
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Whether an answer was written in this process.
    pub(super) fn has_answered() -> bool {
        ANSWERED.load(Ordering::Relaxed)
    }

    /// From now on an answer is one line of JSON, and text is left out.
    pub(super) fn lines_only() {
        LINES.store(true, Ordering::Relaxed);
    }

    /// Writes text as it is, with its colours where the terminal has them.
    pub fn text(self, text: &str) -> Result<(), Failure> {
        ANSWERED.store(true, Ordering::Relaxed);
        if LINES.load(Ordering::Relaxed) {
            return Ok(());
        }
        quiet_on_closed_pipe(anstream::stdout().lock().write_all(text.as_bytes()))
    }

    /// Writes an answer as pretty JSON under the name of its schema.
    pub fn json<A: Answer>(self, answer: &A) -> Result<(), Failure> {
        let text = match LINES.load(Ordering::Relaxed) {
            true => line(answer)?,
            false => document(answer)?,
        };
        ANSWERED.store(true, Ordering::Relaxed);
        quiet_on_closed_pipe(io::stdout().lock().write_all(text.as_bytes()))
    }

    /// `text` or `json`, as the person chose. The formats for findings are written by the commands that have them.
    pub fn show<A: Answer>(self, answer: &A, text: impl FnOnce(&A) -> String) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(answer),
            _ if LINES.load(Ordering::Relaxed) => self.json(answer),
            _ => {
                hold(answer)?;
                self.text(&text(answer))
            }
        }
    }
}

/// An answer as pretty JSON under the name of its schema.
pub(super) fn document<A: Answer>(answer: &A) -> Result<String, serde_json::Error> {
    hold(answer)?;
    Ok(serde_json::to_string_pretty(&Envelope::of(answer))? + "\n")
}

/// An answer as a line of JSON.
pub(super) fn line<A: Answer>(answer: &A) -> Result<String, serde_json::Error> {
    hold(answer)?;
    Ok(serde_json::to_string(&Envelope::of(answer))? + "\n")
}

/// In a debug build, and so in every test that runs the tool, an answer is what its schema says, also one that is shown as text.
fn hold<A: Answer>(answer: &A) -> Result<(), serde_json::Error> {
    if cfg!(debug_assertions) {
        answers::hold::<A>(&serde_json::to_value(Envelope::of(answer))?);
    }
    Ok(())
}

fn quiet_on_closed_pipe(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
