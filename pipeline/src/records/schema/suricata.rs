//! Suricata's `eve.json`: names on the left are paths in it (Suricata User Guide, "Eve JSON Format").

use super::Role::{
    Destination, DestinationBytes, DestinationPackets, DestinationPort, Source, SourceBytes, SourcePackets, SourcePort,
};
use super::Treatment::{self, To};
use super::{Dataset, PROTOCOL, Sensor};

/// Events as Suricata writes them, nested members under their paths.
pub static SENSOR: Sensor = Sensor {
    module: "suricata",
    time: "timestamp",
    roles: &[
        ("src_ip", Source),
        ("src_port", SourcePort),
        ("dest_ip", Destination),
        ("dest_port", DestinationPort),
        ("flow.bytes_toserver", SourceBytes),
        ("flow.bytes_toclient", DestinationBytes),
        ("flow.pkts_toserver", SourcePackets),
        ("flow.pkts_toclient", DestinationPackets),
    ],
};

/// What holds for an event with this `event_type`.
pub fn dataset(event_type: &str) -> &'static Dataset {
    if event_type == "alert" { &ALERT } else { &EVENT }
}

const FIELDS: &[(&str, Treatment)] = &[
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

static EVENT: Dataset = Dataset { types: &["info"], fields: FIELDS, ..PROTOCOL };

static ALERT: Dataset = Dataset {
    name: "alert",
    kind: "alert",
    category: &["intrusion_detection", "network"],
    types: &["info"],
    fields: FIELDS,
    ..PROTOCOL
};
