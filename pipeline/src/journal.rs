//! What a function writes for people: lines of JSON, sampled and capped.
//!
//! An error in a loop must not take the log system down: the first lines of a kind are written, then one in a hundred,
//! and never more than the cap of an invocation. The last line counts what was left out.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Mutex;

use serde_json::{Map, Value};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let levels = [Self::Error, Self::Warn, Self::Info, Self::Debug];
        let found = levels.into_iter().find(|level| level.as_str() == text);
        found.ok_or_else(|| "`error`, `warn`, `info` and `debug` are possible".to_owned())
    }
}

/// Lines of one kind that are all written.
const FIRST: u64 = 10;

/// After them, one in so many.
const ONE_IN: u64 = 100;

/// The lines of one invocation.
#[derive(Debug)]
pub struct Journal {
    level: Level,
    lines_max: usize,
    context: Map<String, Value>,
    state: Mutex<State>,
    write: fn(&str),
}

#[derive(Debug, Default)]
struct State {
    lines: usize,
    left_out: u64,
    seen: BTreeMap<&'static str, u64>,
}

impl Journal {
    /// A journal whose lines all carry `context`, handed to `write` one by one.
    pub fn new(level: Level, lines_max: usize, context: Map<String, Value>, write: fn(&str)) -> Self {
        Self { level, lines_max, context, state: Mutex::default(), write }
    }

    /// Writes a line of a `kind`, unless it is too much.
    pub fn line(&self, level: Level, kind: &'static str, fields: Value) {
        if level <= self.level && self.admits(kind) {
            (self.write)(&self.render(level, kind, fields));
        }
    }

    /// Writes what was left out, if anything was.
    pub fn close(&self) {
        let left_out = self.state.lock().map_or(0, |state| state.left_out);
        if left_out > 0 {
            let fields = serde_json::json!({ "lines": left_out });
            (self.write)(&self.render(Level::Warn, "lines-left-out", fields));
        }
    }

    fn admits(&self, kind: &'static str) -> bool {
        let Ok(mut state) = self.state.lock() else { return false };
        let seen = state.seen.entry(kind).or_default();
        *seen += 1;
        let sampled = *seen <= FIRST || *seen % ONE_IN == 0;
        let admitted = sampled && state.lines < self.lines_max;
        if admitted {
            state.lines += 1;
        } else {
            state.left_out += 1;
        }
        admitted
    }

    fn render(&self, level: Level, kind: &str, fields: Value) -> String {
        let mut line = self.context.clone();
        line.insert("level".to_owned(), level.as_str().into());
        line.insert("kind".to_owned(), kind.into());
        match fields {
            Value::Object(fields) => line.extend(fields),
            Value::Null => {}
            other => {
                line.insert("detail".to_owned(), other);
            }
        }
        Value::Object(line).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static WRITTEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn a_storm_of_lines_is_sampled_capped_and_counted() {
        let context = json!({ "tenant": "acme" }).as_object().cloned().unwrap_or_default();
        let journal = Journal::new(Level::Info, 25, context, |line| WRITTEN.lock().unwrap().push(line.to_owned()));
        for n in 0..1000 {
            journal.line(Level::Error, "storm", json!({ "n": n }));
        }
        journal.line(Level::Debug, "detail", Value::Null);
        for n in 0..100 {
            journal.line(Level::Error, "other", json!({ "n": n }));
        }
        journal.close();
        let written = WRITTEN.lock().unwrap().clone();
        assert_eq!(written.len(), 25 + 1);
        assert!(written[0].contains("\"kind\":\"storm\"") && written[0].contains("\"tenant\":\"acme\""));
        assert!(written[25].contains("\"lines\":1075"), "{}", written[25]);
    }
}
