//! Zeek's logs: one table for each kind of record.
//!
//! Names on the left are those of Zeek's script reference; names on the right are those of the ECS field reference, and the
//! places are those that Elastic's own mapping of Zeek's logs has. A field without a row keeps its value below
//! `zeek.<dataset>.`.

use super::Role::{
    Destination, DestinationBytes, DestinationPackets, DestinationPort, OwnDestination, OwnDestinationPort, OwnSource,
    OwnSourcePort, Source, SourceBytes, SourcePackets, SourcePort,
};
use super::Treatment::{
    Answers, ConnectionState, DistinguishedName, Dropped, FileAction, HeaderFlag, Id, IndicatorKind, LowerTo,
    ModbusFunction, Nanoseconds, Outcome, OutcomeBelow, OutcomeOf, Principal, Query, QuestionClass, RequestHost,
    RequestMethod, ResponseCode, Sequence, Share, SignatureAlgorithm, SipUri, TlsVersion, To,
};

use super::{Dataset, Ends, PROTOCOL, Sensor};

/// Records as Zeek writes them.
pub static SENSOR: Sensor = Sensor {
    module: "zeek",
    time: "ts",
    roles: &[
        ("id.orig_h", Source),
        ("id.orig_p", SourcePort),
        ("id.resp_h", Destination),
        ("id.resp_p", DestinationPort),
        ("orig_ip_bytes", SourceBytes),
        ("resp_ip_bytes", DestinationBytes),
        ("orig_pkts", SourcePackets),
        ("resp_pkts", DestinationPackets),
    ],
};

/// The two ends of what is told without a connection.
const SRC_AND_DST: Ends =
    Ends { roles: &[("src", OwnSource), ("dst", OwnDestination), ("p", OwnDestinationPort)], ports: None };

/// What was found to be worth an analyst's look.
const NOTICE: Dataset = Dataset {
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
};

/// What a sensor says of its analyzers.
const ANALYZER: Dataset = Dataset {
    name: "analyzer",
    types: &["connection", "info"],
    fields: &[("failure_reason", To("message"))],
    ..PROTOCOL
};

/// What a sensor measures of itself.
const METRIC: Dataset = Dataset { kind: "metric", types: &["info"], ..PROTOCOL };

/// Every kind of record with a table.
pub static DATASETS: &[Dataset] = &[
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
            roles: &[
                ("client_addr", OwnSource),
                ("client_port", OwnSourcePort),
                ("server_addr", OwnDestination),
                ("server_port", OwnDestinationPort),
            ],
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
    NOTICE,
    Dataset { name: "notice_alarm", ..NOTICE },
    Dataset {
        name: "signatures",
        kind: "alert",
        category: &["intrusion_detection"],
        types: &["info"],
        ends: Some(Ends {
            roles: &[
                ("src_addr", OwnSource),
                ("src_port", OwnSourcePort),
                ("dst_addr", OwnDestination),
                ("dst_port", OwnDestinationPort),
            ],
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
    Dataset { name: "dpd", ..ANALYZER },
    ANALYZER,
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
    Dataset { name: "capture_loss", ..METRIC },
    Dataset { name: "stats", ..METRIC },
    Dataset { name: "weird_stats", ..METRIC },
    Dataset { name: "telemetry", ..METRIC },
    Dataset { name: "telemetry_histogram", ..METRIC },
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
pub static OTHER: Dataset = Dataset { types: &["info"], ..PROTOCOL };

/// Kinds of Zeek's logs whose records have no time: they are about a process, not about traffic.
pub fn has_no_time(name: &str) -> bool {
    matches!(name, "loaded_scripts" | "print" | "print_statements")
}
