//! Ranges of addresses: which no VPC can use, which are no source addresses, and which are private.

use ipnetwork::Ipv4Network;

use super::blocks::{bounds, touch};

/// First address, length of the prefix, and what the range is for. No VPC lies in one of these.
/// Source: Amazon VPC User Guide, "VPC CIDR blocks"; RFC 6890 names them.
const SPECIAL: [([u8; 4], u8, &str); 4] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local addresses"),
    ([224, 0, 0, 0], 4, "multicast"),
];

/// Ranges that are nobody's on the internet. Source: RFC 1918; RFC 6598; RFC 2544.
const PRIVATE: [([u8; 4], u8); 5] =
    [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([100, 64, 0, 0], 10), ([198, 18, 0, 0], 15)];

fn block(first: [u8; 4], prefix: u8) -> Option<Ipv4Network> {
    Ipv4Network::new(first.into(), prefix).ok()
}

fn is_inside(block: Ipv4Network, range: Ipv4Network) -> bool {
    let ((first, last), (from, to)) = (bounds(range), bounds(block));
    first <= from && to <= last
}

/// What a range that a block touches is kept for, in which there is no VPC.
pub(super) fn no_vpc(of: Ipv4Network) -> Option<&'static str> {
    let met = |(first, prefix, _): &&([u8; 4], u8, &str)| block(*first, *prefix).is_some_and(|range| touch(range, of));
    SPECIAL.iter().find(met).map(|(.., what)| *what)
}

/// What a block is kept for whose addresses no packet from elsewhere has; a wider block holds others as well.
pub(super) fn from_nowhere(of: Ipv4Network) -> Option<&'static str> {
    let within =
        |(first, prefix, _): &&([u8; 4], u8, &str)| block(*first, *prefix).is_some_and(|range| is_inside(of, range));
    SPECIAL.iter().find(within).map(|(.., what)| *what)
}

/// Whether some address of a block is not a private one.
pub(super) fn is_public(of: Ipv4Network) -> bool {
    !PRIVATE.iter().any(|(first, prefix)| block(*first, *prefix).is_some_and(|range| is_inside(of, range)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_where_they_end() {
        let of = |text: &str| text.parse::<Ipv4Network>().unwrap();
        for (text, vpc, from, public) in [
            ("10.0.0.0/8", None, None, false),
            ("100.64.0.0/10", None, None, false),
            ("172.16.0.0/11", None, None, true),
            ("198.18.0.0/15", None, None, false),
            ("8.0.0.0/8", None, None, true),
            ("127.0.0.0/18", Some("loopback"), Some("loopback"), true),
            ("126.0.0.0/7", Some("loopback"), None, true),
            ("169.254.0.0/18", Some("link-local addresses"), Some("link-local addresses"), true),
            ("224.0.0.0/8", Some("multicast"), Some("multicast"), true),
            ("0.0.0.0/0", Some("this network"), None, true),
            ("0.0.0.0/8", Some("this network"), Some("this network"), true),
        ] {
            assert_eq!((no_vpc(of(text)), from_nowhere(of(text)), is_public(of(text))), (vpc, from, public), "{text}");
        }
    }
}
