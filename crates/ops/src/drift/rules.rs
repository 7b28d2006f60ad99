//! Rules of security groups compared by what they let through, not by how they are written.
//!
//! Protocols have names and numbers, ranges of ports and of addresses can be cut and merged, and a rule may refer to its
//! own group. Two sets of rules are the same when they let the same packets through.

use std::net::Ipv6Addr;

use ipnetwork::IpNetwork;

use tenantry_aws::cloud::network::{Peer, Rule};

/// Rules that let through what the template does not, and rules of the template that are not fully there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RuleDrift {
    /// Indices into the live rules.
    pub opened: Vec<usize>,
    /// Indices into the expected rules.
    pub missing: Vec<usize>,
}

/// Compares two sets of rules of one direction.
pub(super) fn compare(expected: &[Rule], live: &[Rule]) -> RuleDrift {
    let wanted: Vec<Space> = expected.iter().map(Space::of).collect();
    let there: Vec<Space> = live.iter().map(Space::of).collect();
    let uncovered = |some: &[Space], by: &[Space]| -> Vec<usize> {
        let open = some.iter().enumerate().filter(|(_, space)| !space.is_covered(by));
        open.map(|(index, _)| index).collect()
    };
    RuleDrift { opened: uncovered(&there, &wanted), missing: uncovered(&wanted, &there) }
}

/// What a rule lets through: one protocol, one kind of peer, a rectangle of addresses and ports.
#[derive(Debug, Clone, PartialEq)]
struct Space {
    protocol: String,
    /// Empty for addresses, which the rectangle holds; else the group or prefix list.
    peer: String,
    area: Area,
}

/// Addresses and ports, each from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Area {
    addresses: (u128, u128),
    ports: (i64, i64),
}

/// Of every protocol with ports; types and codes of ICMP are numbered in the same room.
const EVERY_PORT: (i64, i64) = (0, 65_535);

impl Space {
    fn of(rule: &Rule) -> Self {
        let protocol = protocol(&rule.protocol);
        let ports = ports(&protocol, rule.from, rule.to);
        let (peer, addresses) = match &rule.peer {
            Peer::Cidr(cidr) => match addresses(cidr) {
                Some((family, range)) => (family.to_owned(), range),
                None => (cidr.clone(), (0, 0)),
            },
            Peer::Group(id) | Peer::PrefixList(id) => (id.clone(), (0, 0)),
        };
        Self { protocol, peer, area: Area { addresses, ports } }
    }

    fn is_covered(&self, by: &[Self]) -> bool {
        let mut left = vec![self.area];
        for other in by {
            if self.peer == other.peer && (other.protocol == ALL || other.protocol == self.protocol) {
                left = left.iter().flat_map(|area| area.without(other.area)).collect();
            }
        }
        left.is_empty()
    }
}

impl Area {
    /// What is left of an area without another: at most four areas.
    fn without(self, other: Self) -> Vec<Self> {
        let (a, p) = (self.addresses, self.ports);
        let (b, q) = (other.addresses, other.ports);
        if b.1 < a.0 || a.1 < b.0 || q.1 < p.0 || p.1 < q.0 {
            return vec![self];
        }
        let mut left = Vec::new();
        if a.0 < b.0 {
            left.push(Self { addresses: (a.0, b.0 - 1), ports: p });
        }
        if b.1 < a.1 {
            left.push(Self { addresses: (b.1 + 1, a.1), ports: p });
        }
        let middle = (a.0.max(b.0), a.1.min(b.1));
        if p.0 < q.0 {
            left.push(Self { addresses: middle, ports: (p.0, q.0 - 1) });
        }
        if q.1 < p.1 {
            left.push(Self { addresses: middle, ports: (q.1 + 1, p.1) });
        }
        left
    }
}

const ALL: &str = "-1";

/// A protocol by its number. Source: IANA, "Assigned Internet Protocol Numbers".
pub(super) fn protocol(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "tcp" => "6".to_owned(),
        "udp" => "17".to_owned(),
        "icmp" => "1".to_owned(),
        "icmpv6" | "ipv6-icmp" => "58".to_owned(),
        "all" | "any" => ALL.to_owned(),
        other => other.to_owned(),
    }
}

fn ports(protocol: &str, from: Option<i32>, to: Option<i32>) -> (i64, i64) {
    match (protocol, from, to) {
        // Type and code: 256 codes to a type, -1 for every one.
        ("1" | "58", Some(kind), code) if kind >= 0 => match code.unwrap_or(-1) {
            code if code >= 0 => (i64::from(kind) * 256 + i64::from(code), i64::from(kind) * 256 + i64::from(code)),
            _ => (i64::from(kind) * 256, i64::from(kind) * 256 + 255),
        },
        ("6" | "17", Some(from), Some(to)) if from >= 0 => (from.into(), to.into()),
        _ => EVERY_PORT,
    }
}

/// The family and the first and last address of a block, whatever its host bits.
fn addresses(cidr: &str) -> Option<(&'static str, (u128, u128))> {
    Some(match cidr.parse::<IpNetwork>().ok()? {
        IpNetwork::V4(block) => ("v4", (u32::from(block.network()).into(), u32::from(block.broadcast()).into())),
        IpNetwork::V6(block) => {
            let mask = u128::from(block.mask());
            let first = u128::from(Ipv6Addr::from(u128::from(block.ip()) & mask));
            ("v6", (first, first | !mask))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        let parts: Vec<&str> = text.split(' ').collect();
        let number = |text: &str| text.parse().ok();
        let peer = match parts[3] {
            id if id.starts_with("sg-") => Peer::Group(id.to_owned()),
            id if id.starts_with("pl-") => Peer::PrefixList(id.to_owned()),
            cidr => Peer::Cidr(cidr.to_owned()),
        };
        Rule { protocol: parts[0].to_owned(), from: number(parts[1]), to: number(parts[2]), peer }
    }

    fn check(expected: &[&str], live: &[&str], opened: &[usize], missing: &[usize]) {
        let (wanted, there): (Vec<Rule>, Vec<Rule>) =
            (expected.iter().map(|text| rule(text)).collect(), live.iter().map(|text| rule(text)).collect());
        let found = compare(&wanted, &there);
        assert_eq!((found.opened.as_slice(), found.missing.as_slice()), (opened, missing), "{expected:?} {live:?}");
    }

    #[test]
    fn order_names_cuts_and_host_bits_do_not_matter() {
        check(&["tcp 1 2 10.0.0.0/8", "tcp 443 443 sg-1"], &["tcp 443 443 sg-1", "6 1 2 10.0.0.0/8"], &[], &[]);
        check(&["tcp 1 10 10.0.0.0/8"], &["tcp 1 4 10.0.0.0/8", "tcp 5 10 10.0.0.0/8"], &[], &[]);
        check(&["tcp 1 1 10.0.0.0/24"], &["tcp 1 1 10.0.0.0/25", "tcp 1 1 10.0.0.128/25"], &[], &[]);
        check(&["tcp 1 1 10.0.0.7/24"], &["tcp 1 1 10.0.0.0/24"], &[], &[]);
        check(&["-1 x x 0.0.0.0/0"], &["-1 x x 0.0.0.0/0", "tcp 1 1 10.0.0.0/8"], &[], &[]);
        check(&["tcp 1 1 2001:db8::1/32"], &["tcp 1 1 2001:db8::/32"], &[], &[]);
        check(&["icmp 252 86 198.51.100.7/32"], &["1 252 86 198.51.100.7/32"], &[], &[]);
    }

    #[test]
    fn what_lets_more_or_less_through_is_reported() {
        check(&["tcp 443 443 10.0.0.0/8"], &["tcp 443 443 0.0.0.0/0"], &[0], &[]);
        check(&["tcp 443 443 10.0.0.0/8"], &["tcp 443 444 10.0.0.0/8"], &[0], &[]);
        check(&["tcp 443 443 10.0.0.0/8"], &["-1 x x 10.0.0.0/8"], &[0], &[]);
        check(&["tcp 443 443 10.0.0.0/8"], &["udp 443 443 10.0.0.0/8"], &[0], &[0]);
        check(&["tcp 443 443 sg-1"], &["tcp 443 443 sg-2"], &[0], &[0]);
        check(&["tcp 443 443 10.0.0.0/8"], &["tcp 443 443 10.0.0.0/9"], &[], &[0]);
        check(&["tcp 1 10 sg-1"], &["tcp 1 4 sg-1", "tcp 6 10 sg-1"], &[], &[0]);
        check(&["icmp 252 86 198.51.100.7/32"], &["icmp -1 -1 198.51.100.7/32"], &[0], &[]);
        check(&["tcp 443 443 0.0.0.0/0"], &["tcp 443 443 0.0.0.0/0", "tcp 443 443 ::/0"], &[1], &[]);
    }
}
