//! Which fields hold secrets: passwords and what serves as one. They are masked in documents and in rejects; that there was
//! one is kept.

/// What is put in a secret's place, as JSON.
pub const MASK: &str = "\"(masked)\"";

/// Last parts of names that mean a secret in any dataset.
const NAMES: &[&str] = &["password", "passwd", "community", "secret", "api_key", "private_key"];

/// Fields that hold a secret where another field of the record has this value.
const WHERE: &[(&str, &str, &str, &str)] = &[
    // Command and arguments as they came.
    ("irc", "value", "command", "PASS"),
    ("ftp", "arg", "command", "PASS"),
    ("redis", "value", "cmd.name", "AUTH"),
];

/// Fields of commands, in which a secret stands beside other words.
const COMMANDS: &[(&str, &str)] =
    &[("mysql", "arg"), ("postgresql", "frontend_arg"), ("redis", "cmd.key"), ("redis", "cmd.value")];

/// Words of a command that sets or shows a password.
const WORDS: &[&str] = &["password", "identified by", "identified with", "requirepass"];

/// What a field's name says of its secrecy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    None,
    /// Whatever it holds is a secret.
    Whole,
    /// That depends on what it and the record's other fields hold.
    Depends,
}

/// What the name of a field says of its secrecy in records of `dataset`.
pub(super) fn secrecy(dataset: &str, field: &str) -> Secrecy {
    let last = field.rsplit('.').next().unwrap_or(field);
    let is = |known: &str, name: &str| known == dataset && name == field;
    if NAMES.iter().any(|name| last.eq_ignore_ascii_case(name)) {
        Secrecy::Whole
    } else if WHERE.iter().any(|(known, name, ..)| is(known, name))
        || COMMANDS.iter().any(|(known, name)| is(known, name))
    {
        Secrecy::Depends
    } else {
        Secrecy::None
    }
}

/// Whether the value of `field` is masked in a record of `dataset`. `raw`: its JSON; `text`: the text of another field.
pub fn hides<'r>(dataset: &str, field: &str, raw: &str, text: &dyn Fn(&str) -> Option<&'r str>) -> bool {
    hides_by(secrecy(dataset, field), dataset, field, raw, text)
}

/// As [`hides`], for a field whose secrecy is known.
pub(super) fn hides_by<'r>(
    secrecy: Secrecy,
    dataset: &str,
    field: &str,
    raw: &str,
    text: &dyn Fn(&str) -> Option<&'r str>,
) -> bool {
    // Numbers, booleans and empty texts hide nothing.
    if secrecy == Secrecy::None || !raw.starts_with(['"', '[']) || raw == "\"\"" {
        return false;
    }
    if secrecy == Secrecy::Whole {
        return true;
    }
    let is = |known: &str, name: &str| known == dataset && name == field;
    if WHERE.iter().any(|(known, name, other, value)| {
        is(known, name) && text(other).is_some_and(|found| found.eq_ignore_ascii_case(value))
    }) {
        return true;
    }
    COMMANDS.iter().any(|(known, name)| is(known, name)) && {
        let lower = raw.to_ascii_lowercase();
        WORDS.iter().any(|word| lower.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_what_serves_as_one_are_masked() {
        let record = |field: &str| match field {
            "command" => Some("PASS"),
            _ => None,
        };
        for (dataset, field, raw, expected) in [
            ("ftp", "password", "\"x\"", true),
            ("snmp", "community", "\"public\"", true),
            ("conn", "community_id", "\"1:x\"", false),
            ("socks", "password", "\"x\"", true),
            ("irc", "value", "\"x\"", true),
            ("http", "uri", "\"/password\"", false),
            ("mysql", "arg", "\"SELECT 1\"", false),
            ("mysql", "arg", "\"ALTER USER x IDENTIFIED BY 'y'\"", true),
            ("ssl", "password", "null", false),
            ("unheard_of", "a.passwd", "[\"x\"]", true),
        ] {
            assert_eq!(hides(dataset, field, raw, &record), expected, "{dataset}.{field} {raw}");
        }
    }
}
