//! What kind of value a field has: one kind over all indices and sensors. Tables, not the first record of a day, decide.

use std::sync::LazyLock;

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Count,
    Double,
    Time,
    Bool,
    Address,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "count" => Some(Self::Count),
            "double" => Some(Self::Double),
            "time" => Some(Self::Time),
            "bool" => Some(Self::Bool),
            "addr" => Some(Self::Address),
            _ => None,
        }
    }
}

/// Fields of the Elastic Common Schema, sorted by name.
static ECS: LazyLock<Vec<(&str, Kind)>> = LazyLock::new(|| {
    let rows = lines(include_str!("ecs.tsv")).filter_map(|line| line.split_once('\t'));
    rows.filter_map(|(field, kind)| Some((field, Kind::parse(kind)?))).collect()
});

/// A kind of Zeek's logs, and its fields.
type Log = (&'static str, Vec<(&'static str, Kind)>);

/// Fields of Zeek's logs by dataset, both sorted.
static ZEEK: LazyLock<Vec<Log>> = LazyLock::new(|| {
    let mut logs: Vec<Log> = Vec::new();
    for line in lines(include_str!("zeek.tsv")) {
        let mut words = line.split('\t');
        let (Some(dataset), Some(field), Some(kind)) = (words.next(), words.next(), words.next().and_then(Kind::parse))
        else {
            continue;
        };
        match logs.last_mut().filter(|(name, _)| *name == dataset) {
            Some((_, fields)) => fields.push((field, kind)),
            None => logs.push((dataset, vec![(field, kind)])),
        }
    }
    logs
});

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn find(fields: &[(&'static str, Kind)], name: &str) -> Option<Kind> {
    let at = fields.binary_search_by(|(field, _)| (*field).cmp(name)).ok()?;
    fields.get(at).map(|(_, kind)| *kind)
}

/// The kind of a field of the Elastic Common Schema.
pub fn ecs(field: &str) -> Option<Kind> {
    find(&ECS, field)
}

/// The fields of one kind of Zeek's logs; empty for a dataset that Zeek does not have.
pub fn zeek(dataset: &str) -> &'static [(&'static str, Kind)] {
    let at = ZEEK.binary_search_by(|(name, _)| (*name).cmp(dataset)).ok();
    at.and_then(|at| ZEEK.get(at)).map_or(&[], |(_, fields)| fields.as_slice())
}

/// The kind of one field among those of a log.
pub(super) fn of(fields: &[(&'static str, Kind)], name: &str) -> Option<Kind> {
    find(fields, name)
}

/// The kinds of logs that Zeek has.
pub(super) fn datasets() -> impl Iterator<Item = &'static str> {
    ZEEK.iter().map(|(name, _)| *name)
}

/// The fields of the Elastic Common Schema.
pub(super) fn ecs_fields() -> impl Iterator<Item = (&'static str, Kind)> {
    ECS.iter().copied()
}

/// Every field that a document may have, with its kind.
pub fn all() -> impl Iterator<Item = (String, Kind)> {
    let ecs = ECS.iter().map(|(field, kind)| ((*field).to_owned(), *kind));
    let zeek = ZEEK.iter().flat_map(|(dataset, fields)| {
        fields.iter().map(move |(field, kind)| (format!("zeek.{dataset}.{field}"), *kind))
    });
    ecs.chain(zeek)
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ALIASES, COMMON, COPIES, Role, Treatment, suricata, zeek as logs};
    use super::super::secrets;
    use super::*;

    #[test]
    fn both_tables_are_read_whole_and_sorted() {
        let rows = |table| lines(table).count();
        assert_eq!(all().count(), rows(include_str!("ecs.tsv")) + rows(include_str!("zeek.tsv")));
        assert!(ECS.is_sorted_by(|one, other| one.0 < other.0));
        assert!(ZEEK.is_sorted_by(|one, other| one.0 < other.0));
        assert!(ZEEK.iter().all(|(_, fields)| fields.is_sorted_by(|one, other| one.0 < other.0)));
        assert_eq!((ecs("source.ip"), of(zeek("conn"), "conn_state")), (Some(Kind::Address), Some(Kind::Text)));
        assert_eq!((ecs("x"), zeek("unheard_of").len()), (None, 0));
    }

    #[test]
    fn no_field_is_a_value_and_an_object() {
        let mut names: Vec<String> = all().map(|(name, _)| name).collect();
        names.sort();
        for name in &names {
            let below = format!("{name}.");
            assert!(!names.iter().any(|other| other.starts_with(&below)), "{name}");
        }
    }

    #[test]
    fn every_place_of_the_tables_is_a_field_of_the_schema() {
        let events = ["alert", "dns"].map(suricata::dataset);
        let fields = logs::DATASETS.iter().chain(events).flat_map(|dataset| dataset.fields);
        for (field, treatment) in fields.chain(COMMON) {
            let place = match treatment {
                Treatment::LowerTo(place) | Treatment::Nanoseconds(place) => Some(*place),
                treatment => treatment.place(),
            };
            assert!(place.is_none_or(|place| ecs(place).is_some()), "{field}: {place:?}");
        }
        for role in [Role::SourcePort, Role::DestinationPort] {
            assert_eq!(role.place().and_then(ecs), Some(Kind::Count));
        }
    }

    #[test]
    fn what_is_copied_and_what_has_two_names_are_fields_of_the_schema() {
        let known = |name: &str| all().find(|(field, _)| field == name).map(|(_, kind)| kind);
        for (place, others) in COPIES {
            for other in *others {
                let kinds = (known(place), known(other));
                assert!(
                    matches!(kinds.1, Some(Kind::Text)) || kinds.0 == kinds.1 && kinds.0.is_some(),
                    "{place} {other}"
                );
            }
        }
        for (alias, place) in ALIASES {
            assert!(known(alias).is_some() && known(place).is_some(), "{alias} {place}");
        }
        assert!(COPIES.is_sorted_by(|one, other| one.0 < other.0));
    }

    /// Names of Zeek's fields that sound like a secret and are none.
    const HARMLESS: &[&str] = &[
        "ftp.data_channel.passive",
        "irc.dcc_file_name",
        "kerberos.auth_ticket",
        "kerberos.auth_ticket_sha256",
        "kerberos.new_ticket",
        "kerberos.new_ticket_sha256",
        "rdp.keyboard_layout",
        "rfb.authentication_method",
        "rfb.auth",
        "ssh.auth_attempts",
        "ssh.auth_success",
        "ssh.host_key",
        "ssh.host_key_alg",
        "ssh.host_key_fingerprint",
    ];

    #[test]
    fn no_field_of_zeek_that_sounds_like_a_secret_is_forgotten() {
        let sounds = ["pass", "secret", "community", "credential", "token", "private", "shared_key", "api_key"];
        for (dataset, fields) in ZEEK.iter() {
            for (field, kind) in fields {
                let name = format!("{dataset}.{field}");
                let suspicious = *kind == Kind::Text && sounds.iter().any(|sound| field.contains(sound));
                let known = HARMLESS.contains(&name.as_str()) || *field == "community_id";
                assert!(!suspicious || known || secrets::hides(dataset, field, "\"x\"", &|_| None), "{name}");
            }
        }
        assert!(secrets::hides("ftp", "password", "\"x\"", &|_| None));
    }
}
