//! Which kind of record it is: told by the record, by the settings' patterns or by the object's key.

use std::borrow::Cow;
use std::str::FromStr;

/// Where a dataset's name is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSource {
    /// The record's own `_path` (or the `#path` of its tab-separated log).
    Record,
    /// The first pattern of the settings that the key matches.
    Patterns,
    /// The last segment of the key: `conn` of `conn.10:00:00-11:00:00.log.gz` and of `conn_20261128.json.zst`.
    Key,
}

impl FromStr for NameSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "record" => Ok(Self::Record),
            "patterns" => Ok(Self::Patterns),
            "key" => Ok(Self::Key),
            other => Err(format!("`{other}` is not `record`, `patterns` or `key`")),
        }
    }
}

/// A pattern over keys, and the dataset of the objects that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// `*` is any text, `?` any character; the whole key behind the source prefix has to match.
    pub glob: String,
    pub dataset: String,
}

/// How datasets are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The first of these that has a name decides.
    pub order: Vec<NameSource>,
    pub patterns: Vec<Pattern>,
}

impl Default for Naming {
    fn default() -> Self {
        Self { order: vec![NameSource::Record, NameSource::Patterns, NameSource::Key], patterns: Vec::new() }
    }
}

/// What the key of one object says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyNames {
    pattern: Option<String>,
    key: Option<String>,
}

impl Naming {
    /// Reads `*/flows/*=conn;*.dnslog=dns`.
    ///
    /// # Errors
    /// An item has no pattern or no legal dataset.
    pub fn parse_patterns(text: &str) -> Result<Vec<Pattern>, String> {
        let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| {
                let (glob, dataset) = item.rsplit_once('=').ok_or_else(|| format!("`{item}` has no `=`"))?;
                let (glob, dataset) = (glob.trim(), dataset.trim());
                if glob.is_empty() || legal(dataset).as_deref() != Some(dataset) {
                    return Err(format!("`{item}` is not a pattern, `=` and a name of a–z, 0–9, `_`, `-`"));
                }
                Ok(Pattern { glob: glob.to_owned(), dataset: dataset.to_owned() })
            })
            .collect()
    }

    /// Names by the key behind the source prefix.
    pub fn of_key(&self, key: &str) -> KeyNames {
        let pattern = self.patterns.iter().find(|pattern| matches(pattern.glob.as_bytes(), key.as_bytes()));
        KeyNames { pattern: pattern.map(|pattern| pattern.dataset.clone()), key: of_key(key) }
    }

    /// The name of a record's dataset; `record`: what the record itself says.
    pub fn choose<'a>(&self, record: Option<&'a str>, key: &'a KeyNames) -> Option<Cow<'a, str>> {
        self.order.iter().find_map(|source| match source {
            NameSource::Record => record.and_then(legal),
            NameSource::Patterns => key.pattern.as_deref().map(Cow::Borrowed),
            NameSource::Key => key.key.as_deref().map(Cow::Borrowed),
        })
    }
}

/// Longest name.
const NAME_MAX: usize = 64;

/// A name as index names and fields allow it: lower case, `a`–`z`, `0`–`9`, `_` and `-`; every other character becomes
/// `_`, as in `ssh_failure` for `ssh.failure`. `None` if nothing is left.
pub fn legal(name: &str) -> Option<Cow<'_, str>> {
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| is_legal(byte) || byte == b'_')
        && !name.starts_with('_')
        && !name.ends_with('_')
    {
        return Some(name.into());
    }
    let mapped = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || c == '_' || c == '-' => c,
        _ => '_',
    };
    let mapped: String = name.chars().map(mapped).collect();
    let trimmed = mapped.trim_matches(['_', '-']);
    let cut = trimmed.get(..NAME_MAX).unwrap_or(trimmed).trim_end_matches(['_', '-']);
    (!cut.is_empty()).then(|| cut.to_owned().into())
}

/// The name in the last segment of a key: what precedes the first dot, less times and counters at its end.
fn of_key(key: &str) -> Option<String> {
    let file = key.rsplit('/').next().unwrap_or(key);
    let mut name = file.split('.').next().unwrap_or(file);
    while let Some(at) = name.rfind(['-', '_']) {
        let last = name.get(at + 1..).unwrap_or_default();
        let digits = last.bytes().filter(u8::is_ascii_digit).count();
        let is_time =
            digits >= 1 && last.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z' | b':' | b'+'));
        if !is_time {
            break;
        }
        name = name.get(..at).unwrap_or_default();
    }
    name.bytes().any(|byte| byte.is_ascii_alphabetic()).then(|| legal(name)).flatten().map(Cow::into_owned)
}

/// Whether a glob of `*` and `?` matches a whole text.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(byte) if *byte == b'?' || text.get(t) == Some(byte) => {
                g += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                g = at + 1;
                t = from + 1;
            }
        }
    }
    glob.get(g..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_dataset() {
        for (key, expected) in [
            ("sensor1/2026-11-28/conn.10:00:00-11:00:00.log.gz", Some("conn")),
            ("conn.log", Some("conn")),
            ("s/conn.2026-11-28-10.log", Some("conn")),
            ("s/dns_20261128.json.zst", Some("dns")),
            ("s/dns-2026-11-28T10:00:00Z.json", Some("dns")),
            ("s/x509.log", Some("x509")),
            ("s/smb_files.log", Some("smb_files")),
            ("s/conn_20181207_1100.log", Some("conn")),
            ("s/HTTP.log", Some("http")),
            ("s/20261128.log", None),
            ("s/", None),
        ] {
            assert_eq!(of_key(key).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn names_become_legal_or_are_none() {
        for (name, expected) in [
            ("conn", Some("conn")),
            ("CONN", Some("conn")),
            ("/dev/stdout", Some("dev_stdout")),
            ("ssh.failure", Some("ssh_failure")),
            ("static-prefix-0-BR", Some("static-prefix-0-br")),
            ("é", None),
            ("../", None),
        ] {
            assert_eq!(legal(name).as_deref(), expected, "{name}");
        }
        assert_eq!(legal(&"x".repeat(100)).unwrap().len(), NAME_MAX);
    }

    #[test]
    fn the_settings_order_decides() {
        let patterns = Naming::parse_patterns("*/flows/*=conn; *.d?s=dns").unwrap();
        let naming = Naming { patterns, ..Naming::default() };
        let key = naming.of_key("s/flows/http.log");
        assert_eq!(naming.choose(Some("ssl"), &key).as_deref(), Some("ssl"));
        assert_eq!(naming.choose(None, &key).as_deref(), Some("conn"));
        assert_eq!(naming.choose(Some("/"), &naming.of_key("s/a.dns")).as_deref(), Some("dns"));
        let by_key = Naming { order: vec![NameSource::Key], ..naming.clone() };
        assert_eq!(by_key.choose(Some("ssl"), &key).as_deref(), Some("http"));
        assert_eq!(naming.choose(None, &Naming::default().of_key("1")), None);
        for wrong in ["conn", "=conn", "*=CONN", "*="] {
            assert!(Naming::parse_patterns(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_glob_matches_the_whole_key() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyycd", false),
            ("?", "", false),
            ("**a", "bba", true),
            ("conn*", "s/conn", false),
        ] {
            assert_eq!(matches(glob.as_bytes(), text.as_bytes()), expected, "{glob} {text}");
        }
    }
}
