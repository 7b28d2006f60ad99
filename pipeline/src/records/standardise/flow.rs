//! Who talked to whom: ends, transport, totals, direction, the flow's id.

use std::net::IpAddr;

use super::Standard;
use super::document::Document;
use super::record::{End, Record};
use crate::records::community_id::{Flow, community_id, protocol_number};
use crate::records::names::lower;
use crate::records::networks::direction;
use crate::records::schema::{Role, zeek};

/// Totals of both directions, and what they are of.
const TOTALS: [(&str, Role, Role); 2] = [
    ("network.bytes", Role::SourceBytes, Role::DestinationBytes),
    ("network.packets", Role::SourcePackets, Role::DestinationPackets),
];

impl Standard {
    /// Writes what is said about the flow as a whole.
    pub(super) fn write_flow(&self, document: &mut Document<'_>) {
        let (record, dataset) = (document.record, document.record.plan.dataset);
        let (source, destination) = (record.address(End::Source), record.address(End::Destination));
        let transport = record.text(Role::Transport).map(lower);
        let named = || zeek::transport(&record.name);
        let is_dtls = record.text(Role::Version).is_some_and(|version| version.starts_with("DTLS"));
        let transport = transport.as_deref().or(is_dtls.then_some("udp")).or(dataset.transport).or_else(named);
        if let Some(transport) = transport {
            document.text("network.transport", transport);
            document.is_icmp = transport.starts_with("icmp");
        }
        if let Some(protocol) = dataset.protocol {
            document.text("network.protocol", protocol);
        }
        for (total, one, other) in TOTALS {
            let sum = record.number(one).and_then(|one| one.checked_add(record.number(other)?));
            if let Some(sum) = sum {
                document.number(total, sum);
            }
        }
        let fixed = dataset.ends.filter(|_| record.has_own_ends).and_then(|ends| ends.ports);
        let source_port = port(document, End::SourcePort, End::Source, fixed.map(|ports| ports.0));
        let destination_port = port(document, End::DestinationPort, End::Destination, fixed.map(|ports| ports.1));
        let roles = [("client.ip", source), ("server.ip", destination)].into_iter().filter(|_| dataset.has_roles);
        for (place, address) in roles.filter_map(|(place, address)| Some((place, address?))) {
            document.text(place, &address.to_string());
        }
        let (Some(source), Some(destination)) = (source, destination) else { return };
        document.text("network.direction", self.direction(source, destination, record));
        document.text("network.type", if source.is_ipv6() { "ipv6" } else { "ipv4" });
        if record.raw(Role::CommunityId).is_some() {
            return;
        }
        let number = transport.and_then(|transport| protocol_number(transport, source.is_ipv6()));
        if let (Some(protocol), Some(source_port), Some(destination_port)) = (number, source_port, destination_port) {
            let flow = Flow { source, source_port, destination, destination_port, protocol };
            document.text("network.community_id", &community_id(flow));
        }
    }

    /// By the tenant's own networks; where the settings name none, a sensor that says what is local knows better than the
    /// private blocks.
    fn direction(&self, source: IpAddr, destination: IpAddr, record: &Record<'_>) -> &'static str {
        let said = |role| record.raw(role).and_then(|raw| raw.parse::<bool>().ok());
        match said(Role::LocalSource).zip(said(Role::LocalDestination)).filter(|_| !self.networks.are_given()) {
            Some((source, destination)) => direction(source, destination),
            None => direction(self.networks.contain(source), self.networks.contain(destination)),
        }
    }
}

/// The port of one end; where the protocol has a fixed one and the record names none, it is written.
fn port(document: &mut Document<'_>, end: End, address: End, fixed: Option<u16>) -> Option<u16> {
    let record = document.record;
    if let Some(raw) = record.end(end) {
        return raw.parse().ok();
    }
    let fixed = fixed.filter(|_| record.end(address).is_some())?;
    document.number(if end == End::SourcePort { "source.port" } else { "destination.port" }, fixed.into());
    Some(fixed)
}
