//! From a sensor's field names to those of the Elastic Common Schema (ECS 8.11): what a field can become. The tables, one for each
//! kind of record, are in `zeek` and `suricata`.

pub mod suricata;
pub mod zeek;

use std::collections::BTreeMap;

use serde_json::Value;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The value goes there as it is.
    To(&'static str),
    /// The value goes to `event.id`, unless the record has a `uid`.
    Id,
    /// Seconds go there as whole nanoseconds.
    Nanoseconds(&'static str),
    /// `TLSv12` goes to `tls.version` as `1.2`, and `tls` to `tls.version_protocol`.
    TlsVersion,
    /// A boolean becomes `success` or `failure`.
    Outcome,
    /// `success` if the text is one of these, in lower case; else `failure`. The text stays.
    OutcomeOf(&'static [&'static str]),
    /// `failure` from this number on, as of HTTP's, FTP's and SIP's statuses; the number goes to its own place, if it has one.
    OutcomeBelow(u64, Option<&'static str>),
    /// A function of Modbus: the action, which succeeds without an exception.
    ModbusFunction,
    /// HTTP's method, which is the action, too.
    RequestMethod,
    /// HTTP's host, perhaps with a port; without one it is the connection's.
    RequestHost,
    /// The state of a connection says whether its start and its end were seen.
    ConnectionState,
    /// What was dropped is denied, else it is allowed.
    Dropped,
    /// What was done to a file, and whether it changed by it.
    FileAction,
    /// The tree of a share: a file's name behind it is its path.
    Share,
    /// The value goes there in lower case, and stays among the kind's own fields.
    LowerTo(&'static str),
    /// The name that DNS is asked for; without a response it is all that was seen.
    Query,
    /// DNS: `NOERROR` is a success; the name goes to its own place, too.
    ResponseCode,
    /// The class of a question by its number: `IN`.
    QuestionClass,
    /// A flag of DNS's header by this name, if it is set.
    HeaderFlag(&'static str),
    /// The answers, and the addresses among them.
    Answers,
    /// SIP's `1 INVITE`: the method is the action.
    Sequence,
    /// `sip:user@host:port`, whole and in its parts.
    SipUri,
    /// Kerberos' `user/REALM`.
    Principal,
    /// A distinguished name (RFC 4514): whole, if it has such a place, and its parts below the other.
    DistinguishedName(Option<&'static str>, &'static str),
    /// The name of a signature's algorithm as ECS has it.
    SignatureAlgorithm,
    /// The kind of an indicator, which says where the indicator goes, too.
    IndicatorKind,
    /// The transport: for the whole record, unless it is not a text.
    Transport,
    /// Written for the whole record: its time, its dataset, its observer.
    Elsewhere,
}

impl Treatment {
    /// The field that takes the value as it is, if there is one.
    pub fn place(self) -> Option<&'static str> {
        match self {
            Self::To(place) => Some(place),
            Self::Id => Some("event.id"),
            Self::OutcomeBelow(_, place) | Self::DistinguishedName(place, _) => place,
            Self::ModbusFunction | Self::FileAction => Some("event.action"),
            Self::RequestMethod => Some("http.request.method"),
            Self::RequestHost => Some("url.domain"),
            Self::Share => Some("file.directory"),
            Self::Query => Some("dns.question.name"),
            Self::ResponseCode => Some("dns.response_code"),
            Self::Answers => Some("dns.answers.data"),
            Self::SipUri => Some("url.full"),
            Self::SignatureAlgorithm => Some("file.x509.signature_algorithm"),
            _ => None,
        }
    }
}

/// What a field is to the whole record, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Time,
    WriteTime,
    SystemName,
    Transport,
    Version,
    CommunityId,
    LocalSource,
    LocalDestination,
    SourceBytes,
    DestinationBytes,
    SourcePackets,
    DestinationPackets,
    /// Ends of a connection.
    Source,
    SourcePort,
    Destination,
    DestinationPort,
    /// Ends that the kind of record has where there is no connection ([`Dataset::ends`]).
    OwnSource,
    OwnSourcePort,
    OwnDestination,
    OwnDestinationPort,
}

impl Role {
    pub const COUNT: usize = Self::OwnDestinationPort as usize + 1;

    /// The field that a port goes to.
    pub fn place(self) -> Option<&'static str> {
        match self {
            Self::SourcePort | Self::OwnSourcePort => Some("source.port"),
            Self::DestinationPort | Self::OwnDestinationPort => Some("destination.port"),
            _ => None,
        }
    }
}

/// What writes records.
#[derive(Debug, PartialEq, Eq)]
pub struct Sensor {
    /// ECS `event.module`.
    pub module: &'static str,
    /// The field with a record's time.
    pub time: &'static str,
    pub roles: &'static [(&'static str, Role)],
}

impl Sensor {
    /// The fields of its records that have a role, in whatever kind.
    pub fn roles(&self) -> impl Iterator<Item = (&'static str, Role)> {
        [(self.time, Role::Time)].into_iter().chain(ROLES.iter().chain(self.roles).copied())
    }
}

/// Roles that fields have by one name in every sensor's records.
const ROLES: &[(&str, Role)] = &[
    ("_write_ts", Role::WriteTime),
    ("_system_name", Role::SystemName),
    ("proto", Role::Transport),
    ("version", Role::Version),
    ("community_id", Role::CommunityId),
    ("local_orig", Role::LocalSource),
    ("local_resp", Role::LocalDestination),
];

/// What becomes of these fields in every kind of record.
pub const COMMON: &[(&str, Treatment)] = &[
    ("_path", Treatment::Elsewhere),
    ("_write_ts", Treatment::Elsewhere),
    ("_system_name", Treatment::Elsewhere),
    ("proto", Treatment::Transport),
    ("uid", Treatment::To("event.id")),
    ("community_id", Treatment::To("network.community_id")),
];

/// The ends of a record that has no connection: names of its fields, and what each is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub roles: &'static [(&'static str, Role)],
    /// Ports of a protocol that has fixed ones, where the record names none.
    pub ports: Option<(u16, u16)>,
}

/// One kind of record.
#[derive(Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Zeek's `_path`.
    pub name: &'static str,
    /// ECS `event.kind`.
    pub kind: &'static str,
    /// ECS `event.category`.
    pub category: &'static [&'static str],
    /// ECS `event.type`; a field may add to it.
    pub types: &'static [&'static str],
    /// `network.transport` where Zeek does not say it.
    pub transport: Option<&'static str>,
    /// `network.protocol` where Zeek does not say it.
    pub protocol: Option<&'static str>,
    /// The ends where the record does not name a connection's.
    pub ends: Option<Ends>,
    /// The source is a client and the destination a server.
    pub has_roles: bool,
    pub fields: &'static [(&'static str, Treatment)],
}

/// The version of the schema that documents follow.
pub const ECS_VERSION: &str = "8.11.0";

/// Fields that are copied into others when a document is indexed: what it says about addresses, hosts, users and files is
/// gathered without being sent and stored again.
pub const COPIES: &[(&str, &[&str])] = &[
    ("client.domain", &["related.hosts"]),
    ("client.ip", &["related.ip"]),
    ("destination.domain", &["related.hosts"]),
    ("destination.ip", &["related.ip"]),
    ("dns.question.name", &["related.hosts"]),
    ("dns.resolved_ip", &["related.ip"]),
    ("email.from.address", &["related.user"]),
    ("email.sender.address", &["related.user"]),
    ("file.hash.md5", &["related.hash"]),
    ("file.hash.sha1", &["related.hash"]),
    ("file.hash.sha256", &["related.hash"]),
    ("host.ip", &["related.ip"]),
    ("host.name", &["related.hosts"]),
    ("server.ip", &["related.ip"]),
    ("source.domain", &["related.hosts"]),
    ("source.ip", &["related.ip"]),
    ("threat.indicator.ip", &["related.ip"]),
    ("tls.client.ja3", &["related.hash"]),
    ("tls.client.server_name", &["related.hosts"]),
    ("tls.server.ja3s", &["related.hash"]),
    ("url.domain", &["related.hosts"]),
    ("url.username", &["user.name", "related.user"]),
    ("user.name", &["related.user"]),
    ("zeek.x509.san.email", &["file.x509.alternative_names"]),
    ("zeek.x509.san.ip", &["file.x509.alternative_names"]),
    ("zeek.x509.san.uri", &["file.x509.alternative_names"]),
];

/// Other names of fields: what ECS has twice is not stored twice.
pub const ALIASES: &[(&str, &str)] = &[
    ("client.address", "client.ip"),
    ("destination.address", "destination.ip"),
    ("server.address", "server.ip"),
    ("source.address", "source.ip"),
];

/// What a search finds in a document: its own members, what is copied, and other names.
pub fn searched(mut members: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let own = members.clone();
    for (place, others) in COPIES {
        let Some(value) = own.get(*place) else { continue };
        for other in *others {
            let mut all = members.get(*other).map(list).unwrap_or_default();
            let new: Vec<Value> = list(value).into_iter().filter(|value| !all.contains(value)).collect();
            all.extend(new);
            members.insert((*other).to_owned(), Value::Array(all));
        }
    }
    for (name, place) in ALIASES {
        if let Some(value) = members.get(*place).cloned() {
            members.insert((*name).to_owned(), value);
        }
    }
    members
}

/// What most kinds of record have in common: a connection that speaks a protocol.
const PROTOCOL: Dataset = Dataset {
    name: "",
    kind: "event",
    category: &["network"],
    types: &["connection", "protocol"],
    transport: None,
    protocol: None,
    ends: None,
    has_roles: false,
    fields: &[],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Treatment::{LowerTo, Nanoseconds, To};
    use super::*;

    #[test]
    fn no_two_fields_of_a_record_go_to_one_place() {
        for dataset in zeek::DATASETS {
            let mut names = BTreeSet::new();
            let mut places = BTreeSet::new();
            for (name, treatment) in dataset.fields {
                assert!(names.insert(name), "{} {name}", dataset.name);
                if let To(place) | LowerTo(place) | Nanoseconds(place) = treatment {
                    assert!(places.insert(place), "{} {place}", dataset.name);
                    assert!(!ALIASES.iter().any(|(alias, _)| alias == place), "{} {place}", dataset.name);
                }
            }
        }
    }
}
