//! Which addresses are the tenant's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnetwork::IpNetwork;

/// Private and link-local blocks: RFC 1918, RFC 3927, RFC 4193, RFC 4291.
const PRIVATE: &str = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10";

/// A set of blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    /// Named by the settings; else these are the private blocks.
    are_given: bool,
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

/// A text that is no list of blocks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network such as `10.0.0.0/8`")]
pub struct NotANetwork(String);

impl Default for Networks {
    fn default() -> Self {
        let private = PRIVATE.parse().unwrap_or(Self { are_given: false, v4: Vec::new(), v6: Vec::new() });
        Self { are_given: false, ..private }
    }
}

impl FromStr for Networks {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut networks = Self { are_given: true, v4: Vec::new(), v6: Vec::new() };
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.parse::<IpNetwork>().map_err(|_| NotANetwork(item.to_owned()))? {
                IpNetwork::V4(block) => networks.v4.push((u32::from(block.network()), u32::from(block.mask()))),
                IpNetwork::V6(block) => networks.v6.push((u128::from(block.network()), u128::from(block.mask()))),
            }
        }
        Ok(networks)
    }
}

impl Networks {
    /// Whether somebody named them.
    pub fn are_given(&self) -> bool {
        self.are_given
    }

    /// Whether the address is in one of the blocks.
    pub fn contain(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.contain_v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => self.contain_v4(mapped),
                None => self.contain_v6(address),
            },
        }
    }

    fn contain_v4(&self, address: Ipv4Addr) -> bool {
        let bits = u32::from(address);
        self.v4.iter().any(|(network, mask)| bits & mask == *network)
    }

    fn contain_v6(&self, address: Ipv6Addr) -> bool {
        let bits = u128::from(address);
        self.v6.iter().any(|(network, mask)| bits & mask == *network)
    }
}

/// `network.direction` of the Elastic Common Schema, seen from the tenant's perimeter.
pub fn direction(source_is_internal: bool, destination_is_internal: bool) -> &'static str {
    match (source_is_internal, destination_is_internal) {
        (true, true) => "internal",
        (true, false) => "outbound",
        (false, true) => "inbound",
        (false, false) => "external",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_blocks_are_internal_unless_others_are_given() {
        let check = |networks: &Networks, address: &str, expected: bool| {
            assert_eq!(networks.contain(address.parse().unwrap()), expected, "{address}");
        };
        let private = Networks::default();
        check(&private, "172.31.255.255", true);
        check(&private, "172.32.0.0", false);
        check(&private, "fd00::1", true);
        check(&private, "2001:db8::1", false);
        check(&private, "::ffff:10.1.2.3", true);
        let given: Networks = "198.51.100.0/24, 2001:db8::/32".parse().unwrap();
        check(&given, "198.51.100.7", true);
        check(&given, "10.0.0.1", false);
        check(&given, "2001:db8::1", true);
        assert_eq!("10.0.0.0/40".parse::<Networks>(), Err(NotANetwork("10.0.0.0/40".to_owned())));
    }
}
