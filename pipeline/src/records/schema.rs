//! From Zeek's field names to those of the Elastic Common Schema (ECS 8.11): one table per kind of record.
//!
//! Names on the left are those of Zeek's script reference; names on the right are those of the ECS field reference. A
//! field without a row keeps its value below `zeek.<dataset>.`.

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The value goes there as it is.
    To(&'static str),
    /// Seconds go there as whole nanoseconds.
    Nanoseconds(&'static str),
    /// `TLSv12` goes to `tls.version` as `1.2`, and `tls` to `tls.version_protocol`.
    TlsVersion,
    /// A boolean becomes `success` or `failure`.
    Outcome,
    /// `failure` from this number on, as of HTTP's, FTP's and SIP's statuses; the number goes to its own place, if it has one.
    OutcomeBelow(u64, Option<&'static str>),
    /// DNS: `NOERROR` is a success; the name goes to its own place, too.
    ResponseCode,
    /// The addresses among the answers.
    ResolvedAddresses,
    /// An end of the flow (`source`, `destination`), unless the record names the connection's.
    End(&'static str),
}

/// One kind of record.
#[derive(Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Zeek's `_path`.
    pub name: &'static str,
    /// ECS `event.category` and `event.type`, as JSON.
    pub event: &'static str,
    /// `network.transport` where Zeek does not say it.
    pub transport: Option<&'static str>,
    /// `network.protocol` where Zeek does not say it.
    pub protocol: Option<&'static str>,
    pub fields: &'static [(&'static str, Treatment)],
}

use Treatment::{End, Nanoseconds, Outcome, OutcomeBelow, ResolvedAddresses, ResponseCode, TlsVersion, To};

/// Every kind of record with a table.
pub const DATASETS: &[Dataset] = &[
    Dataset {
        name: "conn",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection"]"#,
        transport: None,
        protocol: None,
        fields: &[
            ("service", To("network.protocol")),
            ("duration", Nanoseconds("event.duration")),
            ("orig_ip_bytes", To("source.bytes")),
            ("orig_pkts", To("source.packets")),
            ("orig_l2_addr", To("source.mac")),
            ("resp_ip_bytes", To("destination.bytes")),
            ("resp_pkts", To("destination.packets")),
            ("resp_l2_addr", To("destination.mac")),
            ("vlan", To("network.vlan.id")),
            ("inner_vlan", To("network.inner.vlan.id")),
        ],
    },
    Dataset {
        name: "dns",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol","info"]"#,
        transport: Some("udp"),
        protocol: Some("dns"),
        fields: &[
            ("trans_id", To("dns.id")),
            ("query", To("dns.question.name")),
            ("qtype_name", To("dns.question.type")),
            ("qclass_name", To("dns.question.class")),
            ("rcode_name", ResponseCode),
            ("rtt", Nanoseconds("event.duration")),
            ("answers", ResolvedAddresses),
        ],
    },
    Dataset {
        name: "http",
        event: r#""event.kind":"event","event.category":["network","web"],"event.type":["connection","info","protocol"]"#,
        transport: Some("tcp"),
        protocol: Some("http"),
        fields: &[
            ("method", To("http.request.method")),
            ("host", To("url.domain")),
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
    },
    Dataset {
        name: "ssl",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol"]"#,
        transport: Some("tcp"),
        protocol: Some("tls"),
        fields: &[
            ("version", TlsVersion),
            ("cipher", To("tls.cipher")),
            ("curve", To("tls.curve")),
            ("server_name", To("tls.client.server_name")),
            ("resumed", To("tls.resumed")),
            ("next_protocol", To("tls.next_protocol")),
            ("established", To("tls.established")),
            ("subject", To("tls.server.subject")),
            ("issuer", To("tls.server.issuer")),
            ("client_subject", To("tls.client.subject")),
            ("client_issuer", To("tls.client.issuer")),
            ("ja3", To("tls.client.ja3")),
            ("ja3s", To("tls.server.ja3s")),
        ],
    },
    Dataset {
        name: "files",
        event: r#""event.kind":"event","event.category":["file"],"event.type":["info"]"#,
        transport: None,
        protocol: None,
        fields: &[
            ("filename", To("file.name")),
            ("mime_type", To("file.mime_type")),
            ("md5", To("file.hash.md5")),
            ("sha1", To("file.hash.sha1")),
            ("sha256", To("file.hash.sha256")),
            ("total_bytes", To("file.size")),
            ("duration", Nanoseconds("event.duration")),
        ],
    },
    Dataset {
        name: "smb_files",
        event: r#""event.kind":"event","event.category":["network","file"],"event.type":["connection","protocol"]"#,
        transport: Some("tcp"),
        protocol: Some("smb"),
        fields: &[
            ("action", To("event.action")),
            ("name", To("file.name")),
            ("path", To("file.directory")),
            ("size", To("file.size")),
            ("times.modified", To("file.mtime")),
            ("times.accessed", To("file.accessed")),
            ("times.created", To("file.created")),
        ],
    },
    Dataset {
        name: "smb_mapping",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol"]"#,
        transport: Some("tcp"),
        protocol: Some("smb"),
        fields: &[("path", To("file.path"))],
    },
    Dataset {
        name: "ssh",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol"]"#,
        transport: Some("tcp"),
        protocol: Some("ssh"),
        fields: &[("auth_success", Outcome), ("client", To("user_agent.original"))],
    },
    Dataset {
        name: "dhcp",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol","info"]"#,
        transport: Some("udp"),
        protocol: Some("dhcp"),
        fields: &[
            ("client_addr", To("client.ip")),
            ("server_addr", To("server.ip")),
            ("mac", To("client.mac")),
            ("host_name", To("host.name")),
            ("domain", To("host.domain")),
            ("duration", Nanoseconds("event.duration")),
        ],
    },
    Dataset {
        name: "notice",
        event: r#""event.kind":"alert","event.category":["intrusion_detection"],"event.type":["info"]"#,
        transport: None,
        protocol: None,
        fields: &[
            ("note", To("rule.name")),
            ("msg", To("rule.description")),
            ("sub", To("message")),
            ("src", End("source")),
            ("dst", End("destination")),
            ("file_mime_type", To("file.mime_type")),
        ],
    },
    Dataset {
        name: "intel",
        event: r#""event.kind":"enrichment","event.category":["threat"],"event.type":["indicator"]"#,
        transport: None,
        protocol: None,
        fields: &[
            ("seen.indicator", To("threat.indicator.name")),
            ("sources", To("threat.indicator.provider")),
            ("cif.description", To("threat.indicator.description")),
            ("file_mime_type", To("file.mime_type")),
        ],
    },
    Dataset {
        name: "kerberos",
        event: r#""event.kind":"event","event.category":["network","authentication"],"event.type":["connection","protocol"]"#,
        transport: None,
        protocol: Some("kerberos"),
        fields: &[
            ("client", To("user.name")),
            ("request_type", To("event.action")),
            ("success", Outcome),
            ("cipher", To("tls.cipher")),
            ("client_cert_subject", To("tls.client.subject")),
            ("server_cert_subject", To("tls.server.subject")),
        ],
    },
    Dataset {
        name: "ntlm",
        event: r#""event.kind":"event","event.category":["network","authentication"],"event.type":["connection","protocol"]"#,
        transport: Some("tcp"),
        protocol: Some("ntlm"),
        fields: &[
            ("username", To("user.name")),
            ("domainname", To("user.domain")),
            ("hostname", To("source.domain")),
            ("server_dns_computer_name", To("destination.domain")),
            ("success", Outcome),
        ],
    },
    Dataset {
        name: "radius",
        event: r#""event.kind":"event","event.category":["network","authentication"],"event.type":["connection","protocol"]"#,
        transport: Some("udp"),
        protocol: Some("radius"),
        fields: &[("username", To("user.name")), ("mac", To("source.mac")), ("reply_msg", To("message"))],
    },
    Dataset {
        name: "ftp",
        event: r#""event.kind":"event","event.category":["network","file"],"event.type":["connection","protocol","info"]"#,
        transport: Some("tcp"),
        protocol: Some("ftp"),
        fields: &[
            ("user", To("user.name")),
            ("command", To("event.action")),
            ("mime_type", To("file.mime_type")),
            ("file_size", To("file.size")),
            ("reply_code", OutcomeBelow(400, None)),
        ],
    },
    Dataset {
        name: "smtp",
        event: r#""event.kind":"event","event.category":["network","email"],"event.type":["connection","protocol","info"]"#,
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
    },
    Dataset {
        name: "rdp",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol","info"]"#,
        transport: Some("tcp"),
        protocol: Some("rdp"),
        fields: &[("client_name", To("source.domain")), ("ssl", To("tls.established"))],
    },
    Dataset {
        name: "socks",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol","info"]"#,
        transport: Some("tcp"),
        protocol: Some("socks"),
        fields: &[("user", To("user.name"))],
    },
    Dataset {
        name: "sip",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol","info"]"#,
        transport: None,
        protocol: Some("sip"),
        fields: &[
            ("method", To("event.action")),
            ("uri", To("url.full")),
            ("user_agent", To("user_agent.original")),
            ("status_code", OutcomeBelow(400, None)),
        ],
    },
    Dataset {
        name: "irc",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol","info"]"#,
        transport: Some("tcp"),
        protocol: Some("irc"),
        fields: &[
            ("user", To("user.name")),
            ("command", To("event.action")),
            ("dcc_file_name", To("file.name")),
            ("dcc_file_size", To("file.size")),
            ("dcc_mime_type", To("file.mime_type")),
        ],
    },
    Dataset {
        name: "mysql",
        event: r#""event.kind":"event","event.category":["network","database"],"event.type":["connection","protocol"]"#,
        transport: Some("tcp"),
        protocol: Some("mysql"),
        fields: &[("cmd", To("event.action")), ("success", Outcome)],
    },
    Dataset {
        name: "syslog",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol"]"#,
        transport: Some("udp"),
        protocol: Some("syslog"),
        fields: &[("message", To("message")), ("severity", To("log.level"))],
    },
    Dataset {
        name: "quic",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["connection","protocol"]"#,
        transport: Some("udp"),
        protocol: Some("quic"),
        fields: &[("server_name", To("tls.client.server_name")), ("client_protocol", To("tls.next_protocol"))],
    },
    Dataset {
        name: "known_services",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["info"]"#,
        transport: None,
        protocol: None,
        fields: &[("host", To("host.ip"))],
    },
    Dataset {
        name: "software",
        event: r#""event.kind":"event","event.category":["network","host"],"event.type":["info"]"#,
        transport: None,
        protocol: None,
        fields: &[("host", To("host.ip"))],
    },
    Dataset {
        name: "weird",
        event: r#""event.kind":"event","event.category":["network"],"event.type":["info"]"#,
        transport: None,
        protocol: None,
        fields: &[("name", To("rule.name")), ("addl", To("message"))],
    },
    Dataset {
        name: "x509",
        event: r#""event.kind":"event","event.category":["file"],"event.type":["info"]"#,
        transport: None,
        protocol: None,
        fields: &[
            ("certificate.serial", To("file.x509.serial_number")),
            ("certificate.version", To("file.x509.version_number")),
            ("certificate.key_length", To("file.x509.public_key_size")),
            ("certificate.key_alg", To("file.x509.public_key_algorithm")),
            ("certificate.sig_alg", To("file.x509.signature_algorithm")),
            ("san.dns", To("file.x509.alternative_names")),
        ],
    },
];

/// The transport of kinds that log none and have only one. Kerberos and SIP have two, so their flows have no id.
pub fn transport(name: &str) -> Option<&'static str> {
    match name {
        "dce_rpc"
        | "dnp3"
        | "ftp"
        | "irc"
        | "known_modbus"
        | "modbus"
        | "modbus_register_change"
        | "mqtt_connect"
        | "mqtt_publish"
        | "mqtt_subscribe"
        | "mysql"
        | "ntlm"
        | "postgresql"
        | "rdp"
        | "redis"
        | "rfb"
        | "smb_cmd"
        | "smtp"
        | "socks"
        | "websocket" => Some("tcp"),
        "ntp" | "ntp_control" | "ntp_private" | "quic" | "radius" | "snmp" => Some("udp"),
        _ => None,
    }
}

/// What holds for a kind of record without a table.
pub const OTHER: Dataset = Dataset {
    name: "",
    event: r#""event.kind":"event","event.category":["network"],"event.type":["info"]"#,
    transport: None,
    protocol: None,
    fields: &[],
};

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

const SURICATA: Dataset = Dataset {
    name: "",
    event: r#""event.kind":"event","event.category":["network"],"event.type":["info"]"#,
    transport: None,
    protocol: None,
    fields: SURICATA_FIELDS,
};

const SURICATA_ALERT: Dataset = Dataset {
    name: "alert",
    event: r#""event.kind":"alert","event.category":["intrusion_detection","network"],"event.type":["info"]"#,
    transport: None,
    protocol: None,
    fields: SURICATA_FIELDS,
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
                if let To(place) | Nanoseconds(place) = treatment {
                    assert!(places.insert(place), "{} {place}", dataset.name);
                }
            }
            assert!(serde_json::from_str::<serde_json::Value>(&format!("{{{}}}", dataset.event)).is_ok());
        }
    }
}
