//! How many addresses things take in a subnet: the facts and the arithmetic that laying a subnet out and weighing a
//! rendered template share. Sums saturate: an absurd workload is an absurdly large number, never an overflow.

/// Addresses of each subnet that AWS keeps: the first four and the last.
/// Source: Amazon VPC User Guide, "Subnet CIDR blocks".
pub const RESERVED: u64 = 5;
/// Addresses over all its subnets to which a load balancer may grow, and what each of its subnets must have free.
/// Source: Elastic Load Balancing, Application Load Balancers guide, "Subnets for your load balancer".
pub const LOAD_BALANCER: u64 = 100;
pub const LOAD_BALANCER_FREE: u64 = 8;
/// A NAT gateway, and an interface endpoint in a zone.
/// Source: Amazon VPC User Guide, "NAT gateway basics"; AWS PrivateLink Guide, "Access an AWS service".
pub const NAT: u64 = 1;
pub const ENDPOINT: u64 = 1;
/// Addresses to keep for each node of a search domain: a change builds the new nodes beside the old ones.
/// Source: Amazon OpenSearch Service Developer Guide, "Launching your domains within a VPC", "Reserving IP addresses".
pub const SEARCH_FACTOR: u64 = 3;
/// A rolling deployment runs the old tasks beside the new ones.
/// Source: Amazon ECS Developer Guide, "Deploy Amazon ECS services by replacing tasks", maximumPercent 200.
pub const TASKS_FACTOR: u64 = 2;
/// While security groups or subnets are replaced, the old interfaces linger beside the new ones.
/// Source: AWS Lambda Developer Guide, "Understanding Hyperplane Elastic Network Interfaces (ENIs)".
pub const REPLACEMENT_FACTOR: u64 = 2;
/// Connections that one shared interface carries; Lambda adds another where functions need more.
/// Source: AWS Lambda Developer Guide, "Understanding Hyperplane Elastic Network Interfaces (ENIs)".
pub const CONNECTIONS_PER_INTERFACE: u64 = 65_000;
/// Connections that one execution holds: bulk requests under way, S3, queues, and as many that still close.
pub const CONNECTIONS_PER_EXECUTION: u64 = 32;
/// Memory of executions that shared one interface before September 2019, in MiB.
/// Source: AWS Compute Blog, "Announcing improved VPC networking for AWS Lambda functions", 2019-09-03.
pub const MIB_PER_INTERFACE: u64 = 3 * 1024;

/// Addresses of a block, AWS's own included; 0 for a prefix length that is none.
pub fn size(prefix: u8) -> u64 {
    if prefix > 32 { 0 } else { 1 << (32 - u32::from(prefix)) }
}

/// Addresses of a subnet that resources can take.
pub fn usable(prefix: u8) -> u64 {
    size(prefix).saturating_sub(RESERVED)
}

/// What each of `subnets` gets of a total.
pub fn each(total: u64, subnets: u64) -> u64 {
    total.div_ceil(subnets.max(1))
}

/// How many of some zones or subnets are left when one is lost.
pub fn surviving(zones: u64) -> u64 {
    zones.saturating_sub(1).max(1)
}

/// Connections that executions hold.
pub fn connections(executions: u64) -> u64 {
    executions.saturating_mul(CONNECTIONS_PER_EXECUTION)
}

/// Shared interfaces of one set of security groups in one subnet, for the executions that this subnet serves.
pub fn hyperplane(executions: u64) -> u64 {
    connections(executions).div_ceil(CONNECTIONS_PER_INTERFACE).max(1)
}

/// Interfaces of executions with this much memory together, by the model of before September 2019.
pub fn per_execution(mib: u64) -> u64 {
    mib.div_ceil(MIB_PER_INTERFACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_at_the_edges_of_what_aws_takes() {
        let cases = [(16, 65_531), (24, 251), (27, 27), (28, 11), (32, 0), (0, 4_294_967_291), (33, 0)];
        for (prefix, expected) in cases {
            assert_eq!(usable(prefix), expected, "/{prefix}");
        }
    }

    #[test]
    fn an_interface_is_added_when_its_connections_are_used_up() {
        let cases = [(0, 1), (1, 1), (2_031, 1), (2_032, 2), (10_000, 5), (u64::MAX, u64::MAX / 65_000 + 1)];
        for (executions, expected) in cases {
            assert_eq!(hyperplane(executions), expected, "{executions}");
        }
        assert_eq!(per_execution(0), 0);
        assert_eq!(per_execution(10_000 * 1_769), 5_759);
        assert_eq!(per_execution(u64::MAX), u64::MAX / MIB_PER_INTERFACE + 1);
    }

    #[test]
    fn nothing_is_left_of_no_zone_and_one_of_one() {
        assert_eq!((surviving(0), surviving(1), surviving(3)), (1, 1, 2));
        assert_eq!((each(7, 0), each(7, 2), each(0, 3)), (7, 4, 0));
    }
}
