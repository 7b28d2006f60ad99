//! Records that cannot be indexed, and why.

/// A record that cannot be indexed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    #[error("the record is not a JSON object: {0}")]
    NotAnObject(String),
    #[error("neither the record (`_path`), nor the settings' patterns, nor the key name a dataset")]
    NoDataset,
    #[error("{0}")]
    NoTime(String),
    #[error("the record's time {0} is outside of what is kept: {1}")]
    OutOfTime(String, &'static str),
    /// The search domain's own words.
    #[error("{kind}: {reason}")]
    Refused { kind: String, reason: String },
}

impl Reject {
    /// As in rejected records and metrics.
    pub fn code(&self) -> &str {
        match self {
            Self::NotAnObject(_) => "not-an-object",
            Self::NoDataset => "no-dataset",
            Self::NoTime(_) => "no-time",
            Self::OutOfTime(..) => "out-of-time",
            Self::Refused { kind, .. } => kind,
        }
    }
}

/// Why a record cannot be read, as far as its first bytes say it.
pub(super) fn not_an_object(record: &[u8], error: &serde_json::Error) -> Reject {
    let hint = match record {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("it begins with UTF-16's byte order mark, UTF-8 is expected"),
        _ if record.contains(&0) => Some("it holds zero bytes: it is UTF-16 or no text, UTF-8 is expected"),
        _ if std::str::from_utf8(record).is_err() => Some("it is not UTF-8"),
        _ if record.contains(&b'\t') && record.first() != Some(&b'{') => {
            Some("it looks like a line of a tab-separated log, whose `#fields` header is missing")
        }
        _ => None,
    };
    Reject::NotAnObject(hint.map_or_else(|| error.to_string(), str::to_owned))
}
