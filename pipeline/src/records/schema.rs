//! From Zeek's field names to those of the Elastic Common Schema (ECS 8.11): one table per kind of record.
//!
//! Names on the left are those of Zeek's script reference; names on the right are those of the ECS field reference, and the
//! places are those that Elastic's own mapping of Zeek's logs has. A field without a row keeps its value below
//! `zeek.<dataset>.`.

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
}

/// Names of a record's two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub source: &'static str,
    pub source_port: &'static str,
    pub destination: &'static str,
    pub destination_port: &'static str,
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

use Treatment::{
    Answers, ConnectionState, DistinguishedName, Dropped, FileAction, HeaderFlag, Id, IndicatorKind, LowerTo,
    ModbusFunction, Nanoseconds, Outcome, OutcomeBelow, OutcomeOf, Principal, Query, QuestionClass, RequestHost,
    RequestMethod, ResponseCode, Sequence, Share, SignatureAlgorithm, SipUri, TlsVersion, To,
};

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

/// The two ends of what is told without a connection.
const SRC_AND_DST: Ends =
    Ends { source: "src", source_port: "", destination: "dst", destination_port: "p", ports: None };

/// Every kind of record with a table.
pub const DATASETS: &[Dataset] = &[
    Dataset {
        name: "conn",
        types: &["connection"],
        fields: &[
            ("service", To("network.protocol")),
            ("duration", Nanoseconds("event.duration")),
            ("conn_state", ConnectionState),
            ("orig_ip_bytes", To("source.bytes")),
            ("orig_pkts", To("source.packets")),
            ("orig_l2_addr", To("source.mac")),
            ("resp_ip_bytes", To("destination.bytes")),
            ("resp_pkts", To("destination.packets")),
            ("resp_l2_addr", To("destination.mac")),
            ("vlan", To("network.vlan.id")),
            ("inner_vlan", To("network.inner.vlan.id")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "dns",
        types: &["connection", "protocol", "info"],
        transport: Some("udp"),
        protocol: Some("dns"),
        fields: &[
            ("trans_id", To("dns.id")),
            ("query", Query),
            ("qtype_name", To("dns.question.type")),
            ("qclass", QuestionClass),
            ("rcode_name", ResponseCode),
            ("rtt", Nanoseconds("event.duration")),
            ("answers", Answers),
            ("TTLs", To("dns.answers.ttl")),
            ("AA", HeaderFlag("AA")),
            ("TC", HeaderFlag("TC")),
            ("RD", HeaderFlag("RD")),
            ("RA", HeaderFlag("RA")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "http",
        category: &["network", "web"],
        types: &["connection", "info", "protocol"],
        transport: Some("tcp"),
        protocol: Some("http"),
        fields: &[
            ("method", RequestMethod),
            ("host", RequestHost),
            ("uri", To("url.original")),
            ("referrer", To("http.request.referrer")),
            ("version", To("http.version")),
            ("user_agent", To("user_agent.original")),
            ("request_body_len", To("http.request.body.bytes")),
            ("response_body_len", To("http.response.body.bytes")),
            ("status_code", OutcomeBelow(400, Some("http.response.status_code"))),
            ("username", To("url.username")),
            ("orig_mime_types", To("http.request.mime_type")),
            ("resp_mime_types", To("http.response.mime_type")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "ssl",
        transport: Some("tcp"),
        protocol: Some("tls"),
        has_roles: true,
        fields: &[
            ("version", TlsVersion),
            ("cipher", To("tls.cipher")),
            ("curve", To("tls.curve")),
            ("server_name", To("tls.client.server_name")),
            ("resumed", To("tls.resumed")),
            ("next_protocol", To("tls.next_protocol")),
            ("established", To("tls.established")),
            ("subject", DistinguishedName(Some("tls.server.subject"), "tls.server.x509.subject")),
            ("issuer", DistinguishedName(Some("tls.server.issuer"), "tls.server.x509.issuer")),
            ("client_subject", DistinguishedName(Some("tls.client.subject"), "tls.client.x509.subject")),
            ("client_issuer", DistinguishedName(Some("tls.client.issuer"), "tls.client.x509.issuer")),
            ("ja3", To("tls.client.ja3")),
            ("ja3s", To("tls.server.ja3s")),
            ("resp_certificate_sha1", To("tls.server.hash.sha1")),
            ("not_valid_before", To("tls.server.not_before")),
            ("not_valid_after", To("tls.server.not_after")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "files",
        category: &["file"],
        types: &["info"],
        fields: &[
            ("filename", To("file.name")),
            ("mime_type", To("file.mime_type")),
            ("md5", To("file.hash.md5")),
            ("sha1", To("file.hash.sha1")),
            ("sha256", To("file.hash.sha256")),
            ("total_bytes", To("file.size")),
            ("duration", Nanoseconds("event.duration")),
            ("conn_uids", Id),
            ("tx_hosts", To("server.ip")),
            ("rx_hosts", To("client.ip")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "smb_files",
        category: &["network", "file"],
        transport: Some("tcp"),
        protocol: Some("smb"),
        fields: &[
            ("action", FileAction),
            ("name", To("file.name")),
            ("path", Share),
            ("size", To("file.size")),
            ("times.modified", To("file.mtime")),
            ("times.accessed", To("file.accessed")),
            ("times.created", To("file.created")),
            ("times.changed", To("file.ctime")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "smb_mapping",
        transport: Some("tcp"),
        protocol: Some("smb"),
        fields: &[("path", To("file.path"))],
        ..PROTOCOL
    },
    Dataset {
        name: "smb_cmd",
        transport: Some("tcp"),
        protocol: Some("smb"),
        fields: &[("command", To("event.action")), ("username", To("user.name")), ("status", OutcomeOf(&["success"]))],
        ..PROTOCOL
    },
    Dataset {
        name: "ssh",
        transport: Some("tcp"),
        protocol: Some("ssh"),
        fields: &[("auth_success", Outcome), ("client", To("user_agent.original"))],
        ..PROTOCOL
    },
    Dataset {
        name: "dhcp",
        types: &["connection", "protocol", "info"],
        transport: Some("udp"),
        protocol: Some("dhcp"),
        ends: Some(Ends {
            source: "client_addr",
            source_port: "client_port",
            destination: "server_addr",
            destination_port: "server_port",
            ports: Some((68, 67)),
        }),
        has_roles: true,
        fields: &[
            ("uids", Id),
            ("mac", To("client.mac")),
            ("host_name", To("client.domain")),
            ("domain", To("network.name")),
            ("duration", Nanoseconds("event.duration")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "notice",
        kind: "alert",
        category: &["intrusion_detection"],
        types: &["info"],
        ends: Some(SRC_AND_DST),
        fields: &[
            ("note", To("rule.name")),
            ("msg", To("rule.description")),
            ("sub", To("message")),
            ("dropped", Dropped),
            ("file_mime_type", To("file.mime_type")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "notice_alarm",
        kind: "alert",
        category: &["intrusion_detection"],
        types: &["info"],
        ends: Some(SRC_AND_DST),
        fields: &[
            ("note", To("rule.name")),
            ("msg", To("rule.description")),
            ("sub", To("message")),
            ("dropped", Dropped),
            ("file_mime_type", To("file.mime_type")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "signatures",
        kind: "alert",
        category: &["intrusion_detection"],
        types: &["info"],
        ends: Some(Ends {
            source: "src_addr",
            source_port: "src_port",
            destination: "dst_addr",
            destination_port: "dst_port",
            ports: None,
        }),
        fields: &[
            ("sig_id", To("rule.id")),
            ("event_msg", To("rule.description")),
            ("note", To("rule.name")),
            ("sub_msg", To("message")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "intel",
        kind: "enrichment",
        category: &["threat"],
        types: &["indicator"],
        fields: &[
            ("seen.indicator", To("threat.indicator.name")),
            ("seen.indicator_type", IndicatorKind),
            ("sources", To("threat.indicator.provider")),
            ("cif.description", To("threat.indicator.description")),
            ("file_mime_type", To("file.mime_type")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "kerberos",
        category: &["network", "authentication"],
        types: &["connection", "protocol", "access"],
        transport: Some("tcp"),
        protocol: Some("kerberos"),
        has_roles: true,
        fields: &[
            ("client", Principal),
            ("request_type", To("event.action")),
            ("success", Outcome),
            ("cipher", To("tls.cipher")),
            ("client_cert_subject", DistinguishedName(Some("tls.client.subject"), "tls.client.x509.subject")),
            ("server_cert_subject", DistinguishedName(Some("tls.server.subject"), "tls.server.x509.subject")),
            ("cert.client_subject", DistinguishedName(Some("tls.client.subject"), "tls.client.x509.subject")),
            ("cert.server_subject", DistinguishedName(Some("tls.server.subject"), "tls.server.x509.subject")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "ntlm",
        category: &["authentication", "network"],
        types: &["info", "connection"],
        transport: Some("tcp"),
        protocol: Some("ntlm"),
        fields: &[
            ("username", To("user.name")),
            ("domainname", To("user.domain")),
            ("hostname", To("source.domain")),
            ("server_dns_computer_name", To("destination.domain")),
            ("success", Outcome),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "radius",
        category: &["authentication", "network"],
        types: &["info", "connection"],
        transport: Some("udp"),
        protocol: Some("radius"),
        fields: &[
            ("username", To("user.name")),
            ("mac", To("source.mac")),
            ("reply_msg", To("message")),
            ("result", OutcomeOf(&["success"])),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "ftp",
        types: &["connection", "protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("ftp"),
        fields: &[
            ("user", To("user.name")),
            ("command", To("event.action")),
            ("mime_type", To("file.mime_type")),
            ("file_size", To("file.size")),
            ("reply_code", OutcomeBelow(400, None)),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "smtp",
        transport: Some("tcp"),
        protocol: Some("smtp"),
        fields: &[
            ("from", To("email.from.address")),
            ("to", To("email.to.address")),
            ("cc", To("email.cc.address")),
            ("reply_to", To("email.reply_to.address")),
            ("mailfrom", To("email.sender.address")),
            ("subject", To("email.subject")),
            ("msg_id", To("email.message_id")),
            ("user_agent", To("email.x_mailer")),
            ("tls", To("tls.established")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "rdp",
        types: &["protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("rdp"),
        fields: &[("client_name", To("source.domain")), ("cookie", To("user.name")), ("ssl", To("tls.established"))],
        ..PROTOCOL
    },
    Dataset {
        name: "rfb",
        types: &["connection", "info"],
        transport: Some("tcp"),
        protocol: Some("rfb"),
        fields: &[("auth", Outcome)],
        ..PROTOCOL
    },
    Dataset {
        name: "socks",
        transport: Some("tcp"),
        protocol: Some("socks"),
        fields: &[("user", To("user.name")), ("status", OutcomeOf(&["succeeded"]))],
        ..PROTOCOL
    },
    Dataset {
        name: "snmp",
        transport: Some("udp"),
        protocol: Some("snmp"),
        fields: &[("duration", Nanoseconds("event.duration"))],
        ..PROTOCOL
    },
    Dataset {
        name: "sip",
        transport: Some("udp"),
        protocol: Some("sip"),
        fields: &[
            ("seq", Sequence),
            ("uri", SipUri),
            ("user_agent", To("user_agent.original")),
            ("status_code", OutcomeBelow(400, None)),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "irc",
        types: &["connection", "protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("irc"),
        fields: &[
            ("user", To("user.name")),
            ("command", To("event.action")),
            ("dcc_file_name", To("file.name")),
            ("dcc_file_size", To("file.size")),
            ("dcc_mime_type", To("file.mime_type")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "mysql",
        category: &["network", "database"],
        types: &["connection", "protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("mysql"),
        fields: &[("cmd", To("event.action")), ("success", Outcome)],
        ..PROTOCOL
    },
    Dataset {
        name: "postgresql",
        category: &["network", "database"],
        types: &["connection", "protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("postgresql"),
        fields: &[("user", To("user.name")), ("frontend", To("event.action")), ("success", Outcome)],
        ..PROTOCOL
    },
    Dataset {
        name: "redis",
        category: &["network", "database"],
        types: &["connection", "protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("redis"),
        fields: &[("cmd.name", To("event.action")), ("success", Outcome)],
        ..PROTOCOL
    },
    Dataset {
        name: "ldap",
        types: &["connection", "protocol", "info"],
        protocol: Some("ldap"),
        fields: &[("opcode", To("event.action")), ("result", OutcomeOf(&["success"]))],
        ..PROTOCOL
    },
    Dataset {
        name: "dce_rpc",
        types: &["connection", "protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("dce_rpc"),
        fields: &[("operation", To("event.action")), ("rtt", Nanoseconds("event.duration"))],
        ..PROTOCOL
    },
    Dataset {
        name: "dnp3",
        types: &["connection", "protocol", "info"],
        transport: Some("tcp"),
        protocol: Some("dnp3"),
        fields: &[("fc_request", LowerTo("event.action"))],
        ..PROTOCOL
    },
    Dataset {
        name: "modbus",
        transport: Some("tcp"),
        protocol: Some("modbus"),
        fields: &[("func", ModbusFunction)],
        ..PROTOCOL
    },
    Dataset {
        name: "ntp",
        types: &["connection", "protocol", "info"],
        transport: Some("udp"),
        protocol: Some("ntp"),
        ..PROTOCOL
    },
    Dataset {
        name: "syslog",
        transport: Some("udp"),
        protocol: Some("syslog"),
        fields: &[
            ("message", To("message")),
            ("severity", To("log.syslog.severity.name")),
            ("facility", To("log.syslog.facility.name")),
        ],
        ..PROTOCOL
    },
    Dataset {
        name: "quic",
        transport: Some("udp"),
        protocol: Some("quic"),
        fields: &[("server_name", To("tls.client.server_name")), ("client_protocol", To("tls.next_protocol"))],
        ..PROTOCOL
    },
    Dataset {
        name: "websocket",
        transport: Some("tcp"),
        protocol: Some("websocket"),
        fields: &[("host", To("url.domain")), ("uri", To("url.original")), ("user_agent", To("user_agent.original"))],
        ..PROTOCOL
    },
    Dataset { name: "dpd", types: &["connection", "info"], fields: &[("failure_reason", To("message"))], ..PROTOCOL },
    Dataset {
        name: "analyzer",
        types: &["connection", "info"],
        fields: &[("failure_reason", To("message"))],
        ..PROTOCOL
    },
    Dataset { name: "traceroute", types: &["info"], ends: Some(SRC_AND_DST), ..PROTOCOL },
    Dataset { name: "tunnel", types: &["connection"], fields: &[("action", To("event.action"))], ..PROTOCOL },
    Dataset { name: "known_services", types: &["info"], fields: &[("host", To("host.ip"))], ..PROTOCOL },
    Dataset {
        name: "known_hosts",
        category: &["host"],
        types: &["info"],
        fields: &[("host", To("host.ip"))],
        ..PROTOCOL
    },
    Dataset {
        name: "software",
        category: &["network", "host"],
        types: &["info"],
        fields: &[("host", To("host.ip"))],
        ..PROTOCOL
    },
    Dataset {
        name: "weird",
        kind: "alert",
        types: &["info"],
        fields: &[("name", To("rule.name")), ("addl", To("message"))],
        ..PROTOCOL
    },
    Dataset {
        name: "pe",
        category: &["file"],
        types: &["info"],
        fields: &[("machine", To("file.pe.architecture"))],
        ..PROTOCOL
    },
    Dataset { name: "ocsp", category: &["file"], types: &["info"], ..PROTOCOL },
    Dataset {
        name: "x509",
        category: &["file"],
        types: &["info"],
        fields: &[
            ("id", Id),
            ("certificate.serial", To("file.x509.serial_number")),
            ("certificate.version", To("file.x509.version_number")),
            ("certificate.key_length", To("file.x509.public_key_size")),
            ("certificate.key_alg", To("file.x509.public_key_algorithm")),
            ("certificate.exponent", To("file.x509.public_key_exponent")),
            ("certificate.curve", To("file.x509.public_key_curve")),
            ("certificate.sig_alg", SignatureAlgorithm),
            ("certificate.not_valid_before", To("file.x509.not_before")),
            ("certificate.not_valid_after", To("file.x509.not_after")),
            (
                "certificate.subject",
                DistinguishedName(Some("file.x509.subject.distinguished_name"), "file.x509.subject"),
            ),
            ("certificate.issuer", DistinguishedName(Some("file.x509.issuer.distinguished_name"), "file.x509.issuer")),
            ("san.dns", To("file.x509.alternative_names")),
        ],
        ..PROTOCOL
    },
    Dataset { name: "capture_loss", kind: "metric", types: &["info"], ..PROTOCOL },
    Dataset { name: "stats", kind: "metric", types: &["info"], ..PROTOCOL },
    Dataset { name: "weird_stats", kind: "metric", types: &["info"], ..PROTOCOL },
    Dataset { name: "telemetry", kind: "metric", types: &["info"], ..PROTOCOL },
    Dataset { name: "telemetry_histogram", kind: "metric", types: &["info"], ..PROTOCOL },
];

/// The transport of kinds that log none and have only one, without a table.
pub fn transport(name: &str) -> Option<&'static str> {
    match name {
        "known_modbus" | "modbus_register_change" | "mqtt_connect" | "mqtt_publish" | "mqtt_subscribe" => Some("tcp"),
        "ntp_control" | "ntp_private" => Some("udp"),
        _ => None,
    }
}

/// What holds for a kind of record without a table.
pub const OTHER: Dataset = Dataset { types: &["info"], ..PROTOCOL };

/// Kinds of Zeek's logs whose records have no time: they are about a process, not about traffic.
pub fn has_no_time(name: &str) -> bool {
    matches!(name, "loaded_scripts" | "print" | "print_statements")
}

/// What holds for an event of Suricata with this `event_type`: names on the left are paths in `eve.json` (Suricata User
/// Guide, "Eve JSON Format").
pub fn suricata(event_type: &str) -> &'static Dataset {
    if event_type == "alert" { &SURICATA_ALERT } else { &SURICATA }
}

const SURICATA_FIELDS: &[(&str, Treatment)] = &[
    ("app_proto", To("network.protocol")),
    ("flow.bytes_toserver", To("source.bytes")),
    ("flow.pkts_toserver", To("source.packets")),
    ("flow.bytes_toclient", To("destination.bytes")),
    ("flow.pkts_toclient", To("destination.packets")),
    ("in_iface", To("observer.ingress.interface.name")),
    ("alert.signature", To("rule.name")),
    ("alert.signature_id", To("rule.id")),
    ("alert.category", To("rule.category")),
    ("alert.rev", To("rule.version")),
    ("alert.severity", To("event.severity")),
    ("alert.action", To("event.action")),
    ("dns.rrname", To("dns.question.name")),
    ("dns.rrtype", To("dns.question.type")),
    ("dns.rcode", To("dns.response_code")),
    ("http.hostname", To("url.domain")),
    ("http.url", To("url.original")),
    ("http.http_method", To("http.request.method")),
    ("http.http_user_agent", To("user_agent.original")),
    ("http.http_refer", To("http.request.referrer")),
    ("http.status", To("http.response.status_code")),
    ("http.length", To("http.response.body.bytes")),
    ("tls.sni", To("tls.client.server_name")),
    ("tls.subject", To("tls.server.subject")),
    ("tls.issuerdn", To("tls.server.issuer")),
    ("tls.ja3.hash", To("tls.client.ja3")),
    ("tls.ja3s.hash", To("tls.server.ja3s")),
    ("fileinfo.filename", To("file.name")),
    ("fileinfo.size", To("file.size")),
    ("fileinfo.md5", To("file.hash.md5")),
    ("fileinfo.sha1", To("file.hash.sha1")),
    ("fileinfo.sha256", To("file.hash.sha256")),
];

const SURICATA: Dataset = Dataset { types: &["info"], fields: SURICATA_FIELDS, ..PROTOCOL };

const SURICATA_ALERT: Dataset = Dataset {
    name: "alert",
    kind: "alert",
    category: &["intrusion_detection", "network"],
    types: &["info"],
    fields: SURICATA_FIELDS,
    ..PROTOCOL
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_fields_of_a_record_go_to_one_place() {
        for dataset in DATASETS {
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
