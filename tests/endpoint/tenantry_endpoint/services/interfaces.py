"""Network interfaces that services put into a VPC, and what cannot be deleted while something holds it.

An OpenSearch domain has one for each data node ("Launching your Amazon OpenSearch Service domains within a VPC",
OpenSearch Service Developer Guide), a database one for each instance ("Working with a DB instance in a VPC", Amazon RDS User
Guide), a cache one for each node ("Amazon VPCs and ElastiCache security", Amazon ElastiCache User Guide). Functions with the same subnet and security groups share one, which outlives the last
of them and is removed with that function's role ("Giving Lambda functions access to resources in an Amazon VPC", Lambda
Developer Guide; it takes 20 to 45 minutes, cloudformation-coverage-roadmap #392; without the role it stays, aws-cdk #6701).
Security groups and subnets answer DependencyViolation while an interface, or a rule of another group, holds them (EC2 API
Reference, DeleteSecurityGroup and DeleteSubnet).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ..clock import step_seconds
from ..errors import AwsError
from ..internal import call as ask
from ..operations import Answer, Call, operation
from ..state import store

#: Steps of a stack for which a function's interface stays after the function.
LINGER_STEPS = 25
SEARCH = "amazon-elasticsearch"


def _linger() -> float:
    return LINGER_STEPS * step_seconds()


@dataclass
class Shared:
    """The interface that functions of the same subnet and groups share."""

    ident: str
    functions: set[str] = field(default_factory=set)
    role: str = ""
    left: float = 0.0


class Interfaces:
    """The interfaces of services in one account and region."""

    def __init__(self) -> None:
        #: Interfaces of domains, databases and caches, by requester and name.
        self.held: dict[tuple[str, str], list[str]] = {}
        self.of_functions: dict[tuple[str, tuple[str, ...]], Shared] = {}

    @property
    def requesters(self) -> dict[str, tuple[str, str]]:
        """Type and requester of each interface, by id."""
        held = {ident: ("interface", who) for (who, _), idents in self.held.items() for ident in idents}
        return held | {one.ident: ("lambda", "amazon-lambda") for one in self.of_functions.values()}


def _known(call: Call) -> Interfaces:
    return store(Interfaces, call.account, call.region)


def _make(call: Call, subnet: str, groups: list[str], description: str) -> str:
    made = ask(call.account, call.region, "ec2", "CreateNetworkInterface", SubnetId=subnet, Groups=groups,
               Description=description)
    return str(made["NetworkInterface"]["NetworkInterfaceId"])


def _drop(call: Call, ident: str) -> None:
    try:
        ask(call.account, call.region, "ec2", "DeleteNetworkInterface", NetworkInterfaceId=ident)
    except AwsError as error:
        if "NotFound" not in str(error.code):
            raise


def _exists(call: Call, role: str) -> bool:
    try:
        ask(call.account, call.region, "iam", "GetRole", RoleName=role.rsplit("/", 1)[-1])
    except AwsError:
        return False
    return True


def _reap(call: Call) -> None:
    """Remove the interfaces that no function uses, once their time is over and as long as the role is there."""
    known = _known(call)
    for key, one in list(known.of_functions.items()):
        if not one.functions and time.time() - one.left >= _linger() and _exists(call, one.role):
            known.of_functions.pop(key, None)
            _drop(call, one.ident)


def attach_function(call: Call, name: str, configuration: Answer) -> None:
    """Give a function its interfaces, and take it from those that it had."""
    known, role = _known(call), str(configuration.get("Role", ""))
    wanted = configuration.get("VpcConfig") or {}
    groups = sorted(wanted.get("SecurityGroupIds") or [])
    keys = {(subnet, tuple(groups)) for subnet in wanted.get("SubnetIds") or []}
    for key in keys:
        if key not in known.of_functions:
            ident = _make(call, key[0], groups, f"AWS Lambda VPC ENI-{name}")
            known.of_functions[key] = Shared(ident)
        known.of_functions[key].functions.add(name)
    for key, one in known.of_functions.items():
        if key not in keys and name in one.functions:
            one.functions.discard(name)
            one.role, one.left = role, time.time()


def detach_function(call: Call, name: str, role: str) -> None:
    """Take a function that is gone from its interfaces."""
    attach_function(call, name, {"Role": role})


def hold(call: Call, requester: str, name: str, subnets: list[str], groups: list[str], count: int,
         description: str) -> None:
    """Give a resource so many interfaces in turn over its subnets, and take away those beyond that number."""
    held = _known(call).held.setdefault((requester, name), [])
    for ident in held[count:]:
        _drop(call, ident)
    del held[count:]
    for number in range(len(held), count):
        held.append(_make(call, subnets[number % len(subnets)], groups, description))


def release(call: Call, requester: str, name: str) -> None:
    """Take a resource's interfaces away with it."""
    for ident in _known(call).held.pop((requester, name), []):
        _drop(call, ident)


@operation("opensearch", "CreateDomain")
def create_domain(call: Call) -> Answer:
    """OpenSearch: CreateDomain, with an interface for each data node in turn over the subnets."""
    answer = call.inner()
    where = call.get("VPCOptions") or {}
    subnets, name = where.get("SubnetIds") or [], call.parameters["DomainName"]
    nodes = int((call.get("ClusterConfig") or {}).get("InstanceCount", 1)) if subnets else 0
    hold(call, SEARCH, name, subnets, where.get("SecurityGroupIds") or [], nodes, f"ES {name}")
    return answer


@operation("opensearch", "DeleteDomain")
def delete_domain(call: Call) -> Answer:
    """OpenSearch: DeleteDomain, with its interfaces."""
    answer = call.inner()
    release(call, SEARCH, call.parameters["DomainName"])
    return answer


@operation("ec2", "DescribeNetworkInterfaces")
def describe_network_interfaces(call: Call) -> Answer:
    """EC2: DescribeNetworkInterfaces, with who asked for those of services."""
    _reap(call)
    answer, requesters = call.inner(), _known(call).requesters
    for row in answer.get("NetworkInterfaces", []):
        if row["NetworkInterfaceId"] in requesters:
            row["InterfaceType"], row["RequesterId"] = requesters[row["NetworkInterfaceId"]]
            row["RequesterManaged"] = True
    return answer


def _held_by(call: Call, filter_name: str, ident: str) -> bool:
    _reap(call)
    found = call.inner("DescribeNetworkInterfaces", Filters=[{"Name": filter_name, "Values": [ident]}])
    return bool(found["NetworkInterfaces"])


def _names(group: dict[str, Any], ident: str) -> bool:
    rules = group.get("IpPermissions", []) + group.get("IpPermissionsEgress", [])
    return any(pair.get("GroupId") == ident for rule in rules for pair in rule.get("UserIdGroupPairs") or [])


@operation("ec2", "DeleteSecurityGroup")
def delete_security_group(call: Call) -> Answer:
    """EC2: DeleteSecurityGroup: not one that an interface or another group's rule holds."""
    ident = call.get("GroupId")
    if ident:
        others = [group for group in call.inner("DescribeSecurityGroups")["SecurityGroups"] if group["GroupId"] != ident]
        if _held_by(call, "group-id", ident) or any(_names(group, ident) for group in others):
            raise AwsError("DependencyViolation", f"resource {ident} has a dependent object")
    return call.inner()


@operation("ec2", "DeleteSubnet")
def delete_subnet(call: Call) -> Answer:
    """EC2: DeleteSubnet: not one with interfaces."""
    ident = call.parameters["SubnetId"]
    if _held_by(call, "subnet-id", ident):
        raise AwsError("DependencyViolation", f"The subnet '{ident}' has dependencies and cannot be deleted.")
    return call.inner()


@operation("ec2", "DeleteNatGateway")
def delete_nat_gateway(call: Call) -> Answer:
    """EC2: DeleteNatGateway, with its interface."""
    found = call.inner("DescribeNatGateways", NatGatewayIds=[call.parameters["NatGatewayId"]])["NatGateways"]
    answer = call.inner()
    for address in (address for gateway in found for address in gateway.get("NatGatewayAddresses", [])):
        if address.get("NetworkInterfaceId"):
            _drop(call, address["NetworkInterfaceId"])
    return answer
