"""RDS: the interfaces of database instances, and groups that are in use ("Working with a DB instance in a VPC", Amazon RDS
User Guide; CreateDBSubnetGroup, DeleteDBSubnetGroup and DeleteDBParameterGroup, Amazon RDS API Reference)."""

from __future__ import annotations

from moto.rds.models import rds_backends

from ..errors import AwsError
from ..internal import call as ask
from ..operations import Answer, Call, operation
from ..state import MOTO
from .interfaces import hold, release

REQUESTER = "amazon-rds"


def _place(call: Call, told: Answer) -> None:
    """Give an instance its interfaces: one, and with Multi-AZ one for the standby."""
    subnets = [row["SubnetIdentifier"] for row in (told.get("DBSubnetGroup") or {}).get("Subnets", [])]
    groups = [row["VpcSecurityGroupId"] for row in told.get("VpcSecurityGroups", [])]
    if subnets:
        hold(call, REQUESTER, told["DBInstanceIdentifier"], subnets, groups, 2 if told.get("MultiAZ") else 1,
             "RDSNetworkInterface")


@operation("rds", "CreateDBInstance")
def create_db_instance(call: Call) -> Answer:
    """CreateDBInstance."""
    answer = call.inner()
    _place(call, answer["DBInstance"])
    return answer


@operation("rds", "ModifyDBInstance")
def modify_db_instance(call: Call) -> Answer:
    """ModifyDBInstance."""
    answer = call.inner()
    _place(call, answer["DBInstance"])
    return answer


@operation("rds", "DeleteDBInstance")
def delete_db_instance(call: Call) -> Answer:
    """DeleteDBInstance."""
    answer = call.inner()
    release(call, REQUESTER, call.parameters["DBInstanceIdentifier"])
    return answer


@operation("rds", "CreateDBSubnetGroup")
def create_db_subnet_group(call: Call) -> Answer:
    """CreateDBSubnetGroup: subnets in at least two Availability Zones."""
    found = ask(call.account, call.region, "ec2", "DescribeSubnets", SubnetIds=call.parameters["SubnetIds"])["Subnets"]
    if len({subnet["AvailabilityZone"] for subnet in found}) < 2:
        raise AwsError("DBSubnetGroupDoesNotCoverEnoughAZs", "The DB subnet group doesn't meet Availability Zone (AZ) "
                       "coverage requirement. Current AZ coverage: 1. Add subnets to cover at least 2 AZs.")
    return call.inner()


@operation("rds", "ModifyDBSubnetGroup")
def modify_db_subnet_group(call: Call) -> Answer:
    """ModifyDBSubnetGroup. moto forgets a group that it changes."""
    groups = rds_backends[call.account][call.region].subnet_groups
    name = call.parameters["DBSubnetGroupName"].lower()
    found = groups.get(name)
    try:
        return call.inner()
    finally:
        if found is not None:
            with MOTO:
                groups[name] = found


def _need_unused(call: Call, member: str, name: str, code: str) -> None:
    for instance in ask(call.account, call.region, "rds", "DescribeDBInstances")["DBInstances"]:
        told = instance.get(member) or {}
        rows = told if isinstance(told, list) else [told]
        if any(name.lower() in (row.get("DBSubnetGroupName"), row.get("DBParameterGroupName")) for row in rows):
            raise AwsError(code, f"{name} is in use by {instance['DBInstanceIdentifier']} and cannot be deleted")


@operation("rds", "DeleteDBSubnetGroup")
def delete_db_subnet_group(call: Call) -> Answer:
    """DeleteDBSubnetGroup: not one with instances."""
    _need_unused(call, "DBSubnetGroup", call.parameters["DBSubnetGroupName"], "InvalidDBSubnetGroupStateFault")
    return call.inner()


@operation("rds", "DeleteDBParameterGroup")
def delete_db_parameter_group(call: Call) -> Answer:
    """DeleteDBParameterGroup: not one with instances."""
    _need_unused(call, "DBParameterGroups", call.parameters["DBParameterGroupName"], "InvalidDBParameterGroupState")
    return call.inner()
