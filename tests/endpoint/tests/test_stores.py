"""What databases, caches and tasks refuse, and what holds their groups and subnets."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from botocore.exceptions import ClientError

from test_stacks import fresh  # noqa: F401

Client = Callable[..., Any]


@pytest.fixture
def subnets(client: Client, fresh: None) -> list[str]:  # noqa: F811
    """Subnets of the default VPC, each in another zone."""
    found = client("ec2").describe_subnets()["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in found}) == len(found) >= 2
    return [subnet["SubnetId"] for subnet in found]


def database(client: Client, subnets: list[str], **more: Any) -> str:
    rds = client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="d", DBSubnetGroupDescription="d", SubnetIds=subnets)
    rds.create_db_parameter_group(DBParameterGroupName="d", DBParameterGroupFamily="postgres17", Description="d")
    group = client("ec2").create_security_group(GroupName="d", Description="d")["GroupId"]
    rds.create_db_instance(
        DBInstanceIdentifier="d", DBInstanceClass="db.t4g.medium", Engine="postgres", AllocatedStorage=20,
        MasterUsername="app", MasterUserPassword="none-of-yours", DBSubnetGroupName="d", DBParameterGroupName="d",
        VpcSecurityGroupIds=[group], **more)
    return str(group)


def cache(client: Client, **more: Any) -> Any:
    return client("elasticache").create_replication_group(
        ReplicationGroupId="c", ReplicationGroupDescription="c", Engine="valkey", CacheNodeType="cache.t4g.small",
        CacheParameterGroupName="default.valkey8.cluster.on", **more)


def held(client: Client, description: str) -> int:
    rows = client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    return sum(row["Description"].startswith(description) for row in rows)


def test_a_subnet_group_of_a_database_covers_two_zones(client: Client, subnets: list[str]) -> None:
    with pytest.raises(ClientError, match="DBSubnetGroupDoesNotCoverEnoughAZs"):
        database(client, subnets[:1])


def test_a_database_has_an_interface_and_its_standby_another(client: Client, subnets: list[str]) -> None:
    rds, ec2 = client("rds"), client("ec2")
    group = database(client, subnets, MultiAZ=True)
    assert held(client, "RDSNetworkInterface") == 2
    rds.modify_db_instance(DBInstanceIdentifier="d", MultiAZ=False, ApplyImmediately=True)
    assert held(client, "RDSNetworkInterface") == 1
    for remove in (lambda: ec2.delete_security_group(GroupId=group), lambda: ec2.delete_subnet(SubnetId=subnets[0])):
        with pytest.raises(ClientError, match="DependencyViolation"):
            remove()
    rds.delete_db_instance(DBInstanceIdentifier="d", SkipFinalSnapshot=True)
    ec2.delete_security_group(GroupId=group)


def test_groups_that_a_database_or_a_cache_uses_stay(client: Client, subnets: list[str]) -> None:
    rds, elasticache = client("rds"), client("elasticache")
    database(client, subnets)
    elasticache.create_cache_subnet_group(CacheSubnetGroupName="c", CacheSubnetGroupDescription="c", SubnetIds=subnets)
    cache(client, CacheSubnetGroupName="c", AutomaticFailoverEnabled=True)
    removals = [
        (lambda: rds.delete_db_subnet_group(DBSubnetGroupName="d"), "InvalidDBSubnetGroupStateFault"),
        (lambda: rds.delete_db_parameter_group(DBParameterGroupName="d"), "InvalidDBParameterGroupState"),
        (lambda: elasticache.delete_cache_subnet_group(CacheSubnetGroupName="c"), "CacheSubnetGroupInUse")]
    for remove, refusal in removals:
        with pytest.raises(ClientError, match=refusal):
            remove()
    rds.delete_db_instance(DBInstanceIdentifier="d", SkipFinalSnapshot=True)
    elasticache.delete_replication_group(ReplicationGroupId="c")
    assert held(client, "ElastiCache") == 0
    for remove, _ in removals:
        remove()


@pytest.mark.parametrize(("more", "refusal"), [
    ({}, "Automatic failover must be enabled"),
    ({"AutomaticFailoverEnabled": True, "MultiAZEnabled": True}, "at least one replica"),
    ({"AutomaticFailoverEnabled": True, "AuthToken": "x" * 64}, "requires encryption in transit"),
    ({"AutomaticFailoverEnabled": True, "AuthToken": "short", "TransitEncryptionEnabled": True}, "16 to 128 characters"),
])
def test_a_cache_is_what_its_mode_takes(client: Client, subnets: list[str], more: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ClientError, match=refusal):
        cache(client, **more)
    client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName="c", CacheSubnetGroupDescription="c", SubnetIds=subnets)
    made = cache(client, CacheSubnetGroupName="c", AutomaticFailoverEnabled=True, MultiAZEnabled=True,
                 NumNodeGroups=2, ReplicasPerNodeGroup=1, AuthToken="x" * 64, TransitEncryptionEnabled=True)
    assert len(made["ReplicationGroup"]["MemberClusters"]) == 4 == held(client, "ElastiCache")


@pytest.mark.parametrize(("cpu", "memory", "taken"), [
    ("512", "1024", True), ("512", "5120", False), ("4096", "8192", True), ("300", "1024", False), ("8192", "18432", False)])
def test_fargate_takes_certain_pairs_of_cpu_and_memory(client: Client, cpu: str, memory: str, taken: bool) -> None:
    def register() -> None:
        client("ecs").register_task_definition(
            family="f", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu=cpu, memory=memory,
            containerDefinitions=[{"name": "c", "image": "i"}])

    if taken:
        register()
    else:
        with pytest.raises(ClientError, match="No Fargate configuration"):
            register()
