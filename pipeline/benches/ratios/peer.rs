//! A peer of ingest in Rust: what one would write first, each record a `serde_json::Value` that is changed and printed.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use tenantry_pipeline::records::community_id::{Flow, community_id, protocol_number};
use tenantry_pipeline::records::networks::{Networks, direction};

const NAMES: &[(&str, &str)] = &[
    ("uid", "event.id"),
    ("id.orig_h", "source.ip"),
    ("id.orig_p", "source.port"),
    ("id.resp_h", "destination.ip"),
    ("id.resp_p", "destination.port"),
    ("proto", "network.transport"),
    ("service", "network.protocol"),
    ("orig_ip_bytes", "source.bytes"),
    ("orig_pkts", "source.packets"),
    ("resp_ip_bytes", "destination.bytes"),
    ("resp_pkts", "destination.packets"),
];

/// The two lines of a record's bulk action.
pub(crate) fn action(line: &[u8], offset: usize, networks: &Networks) -> Option<String> {
    let record: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let address = |name: &str| record.get(name)?.as_str()?.parse::<IpAddr>().ok();
    let port = |name: &str| u16::try_from(record.get(name)?.as_u64()?).ok();
    let (source, destination) = (address("id.orig_h")?, address("id.resp_h")?);
    let flow = Flow {
        source,
        source_port: port("id.orig_p")?,
        destination,
        destination_port: port("id.resp_p")?,
        protocol: protocol_number(record.get("proto")?.as_str()?, source.is_ipv6())?,
    };
    let path = record.get("_path")?.as_str()?.to_owned();
    let micros = (record.get("ts")?.as_f64()? * 1e6) as i64;
    let moment = jiff::Timestamp::from_microsecond(micros).ok()?;
    let duration = record.get("duration").and_then(Value::as_f64).unwrap_or_default() * 1e9;
    let mut document = json!({
        "@timestamp": moment.to_string(), "ecs.version": "8.11.0", "event.kind": "event", "event.module": "zeek",
        "event.category": ["network"], "event.type": ["connection"], "event.dataset": format!("zeek.{path}"),
        "event.duration": duration as u64,
        "organization.id": "acme", "observer.vendor": "Zeek", "observer.name": "probe-1", "network.type": "ipv4",
        "network.direction": direction(networks.contain(source), networks.contain(destination)),
        "network.community_id": community_id(flow), "related.ip": [source.to_string(), destination.to_string()],
    });
    for (key, value) in record.into_iter().filter(|(key, _)| !matches!(key.as_str(), "_path" | "ts" | "duration")) {
        let name = NAMES.iter().find(|(from, _)| *from == key).map(|(_, to)| (*to).to_owned());
        document[name.unwrap_or_else(|| format!("zeek.{path}.{key}"))] = value;
    }
    let index = json!({ "create": {
        "_index": format!("zeek-{path}-{}", moment.strftime("%Y.%m.%d")),
        "_id": format!("0123456789abcdef0123-{offset:x}"),
    } });
    Some(format!("{index}\n{document}\n"))
}
