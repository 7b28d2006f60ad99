"""Quotas that are enforced with `--enforce-quotas`, and the addresses of subnets, which always are.

Refusals bear the codes of "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

from typing import Any

from ..errors import AwsError
from ..operations import Answer, Call, operation
from . import quotas

#: Operation → quota, what is listed to count, how the refusal is named.
_ENFORCED = {
    "CreateVpc": ("vpc-vpcs", "DescribeVpcs", "Vpcs", "VpcLimitExceeded", "VPCs"),
    "AllocateAddress": ("ec2-elastic-ips", "DescribeAddresses", "Addresses", "AddressLimitExceeded", "addresses"),
    "CreateInternetGateway": (
        "vpc-internet-gateways", "DescribeInternetGateways", "InternetGateways", "InternetGatewayLimitExceeded",
        "internet gateways"),
}


def _refuse(name: str) -> None:
    quota, listing, member, code, what = _ENFORCED[name]

    @operation("ec2", name)
    def make(call: Call) -> Answer:
        most = quotas.limit(call.account, call.region, quota)
        if most is not None and len(call.inner(listing)[member]) >= most:
            raise AwsError(code, f"The maximum number of {what} has been reached.")
        return call.inner()


for _name in _ENFORCED:
    _refuse(_name)


def _subnet(call: Call, ident: str) -> dict[str, Any] | None:
    found = call.inner("DescribeSubnets", SubnetIds=[ident])["Subnets"]
    return dict(found[0]) if found else None


@operation("ec2", "CreateNatGateway")
def create_nat_gateway(call: Call) -> Answer:
    """A NAT gateway, if its zone may hold one more."""
    most = quotas.limit(call.account, call.region, "vpc-nat-gateways")
    subnet = _subnet(call, call.parameters["SubnetId"])
    if most is not None and subnet is not None:
        zone = subnet["AvailabilityZoneId"]
        standing = [g for g in call.inner("DescribeNatGateways")["NatGateways"] if g["State"] in ("pending", "available")]
        same = [g for g in standing if (_subnet(call, g["SubnetId"]) or {}).get("AvailabilityZoneId") == zone]
        if len(same) >= most:
            raise AwsError("NatGatewayLimitExceeded", "The maximum number of NAT Gateways has been reached.")
    return call.inner()


@operation("ec2", "CreateNetworkInterface")
def create_network_interface(call: Call) -> Answer:
    """An interface, if its subnet has an address left."""
    subnet = _subnet(call, call.parameters["SubnetId"])
    if subnet is not None and subnet["AvailableIpAddressCount"] < 1:
        message = f"The specified subnet does not have enough free addresses to satisfy the request: {subnet['SubnetId']}"
        raise AwsError("InsufficientFreeAddressesInSubnet", message)
    return call.inner()
