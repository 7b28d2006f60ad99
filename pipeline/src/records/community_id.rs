//! The community id of a flow (Community ID Flow Hashing, version 1): the same from whichever end it was seen.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// A flow as Zeek names it: for ICMP the ports are type and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    pub source: IpAddr,
    pub source_port: u16,
    pub destination: IpAddr,
    pub destination_port: u16,
    /// IANA protocol number.
    pub protocol: u8,
}

/// IANA's number of a transport that Zeek names.
pub fn protocol_number(name: &str, is_ipv6: bool) -> Option<u8> {
    match name {
        "tcp" => Some(6),
        "udp" => Some(17),
        "sctp" => Some(132),
        "icmp" if is_ipv6 => Some(58),
        "icmp" => Some(1),
        "icmp6" => Some(58),
        _ => None,
    }
}

/// Text of the id, such as `1:LQU9qZlK+B5F3KDmev6m5PMibrg=`.
pub fn community_id(flow: Flow) -> String {
    let (mut source_port, mut destination_port) = (flow.source_port, flow.destination_port);
    let mut one_way = false;
    if let Some((request, reply)) = icmp_ports(flow.protocol, source_port) {
        (source_port, destination_port) = (request, reply.unwrap_or(destination_port));
        one_way = reply.is_none();
    }
    let (mut from, mut to) = ((flow.source, source_port), (flow.destination, destination_port));
    if !one_way && to < from {
        std::mem::swap(&mut from, &mut to);
    }
    let mut digest = Sha1::new();
    digest.update([0, 0]);
    update(&mut digest, from.0);
    update(&mut digest, to.0);
    digest.update([flow.protocol, 0]);
    digest.update(from.1.to_be_bytes());
    digest.update(to.1.to_be_bytes());
    let mut text = String::with_capacity(32);
    text.push_str("1:");
    STANDARD.encode_string(digest.finalize(), &mut text);
    text
}

fn update(digest: &mut Sha1, address: IpAddr) {
    match address {
        IpAddr::V4(address) => digest.update(address.octets()),
        IpAddr::V6(address) => digest.update(address.octets()),
    }
}

/// Types that answer each other stand for ports; other types are one-way and keep their code.
fn icmp_ports(protocol: u8, kind: u16) -> Option<(u16, Option<u16>)> {
    let pairs: &[(u16, u16)] = match protocol {
        1 => &[(8, 0), (9, 10), (13, 14), (15, 16), (17, 18)],
        58 => &[(128, 129), (133, 134), (135, 136), (130, 131), (144, 145), (139, 140)],
        _ => return None,
    };
    let mate = pairs.iter().find_map(|(request, reply)| match kind {
        kind if kind == *request => Some(*reply),
        kind if kind == *reply => Some(*request),
        _ => None,
    });
    Some((kind, mate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protocol: u8, source: &str, source_port: u16, destination: &str, destination_port: u16, expected: &str) {
        let flow = Flow {
            source: source.parse().unwrap(),
            source_port,
            destination: destination.parse().unwrap(),
            destination_port,
            protocol,
        };
        assert_eq!(community_id(flow), expected);
    }

    /// Values published with the specification (baseline with seed 0).
    #[test]
    fn ids_are_those_of_the_specification() {
        check(6, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        check(6, "66.35.250.204", 80, "128.232.110.120", 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        check(17, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        check(1, "192.168.0.89", 8, "192.168.0.1", 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        check(1, "192.168.0.1", 0, "192.168.0.89", 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    }
}
