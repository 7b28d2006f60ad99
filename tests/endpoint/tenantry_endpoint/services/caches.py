"""ElastiCache: subnet groups and replication groups with all that they are told to be, their nodes and interfaces. moto keeps
a few members of a replication group and deletes none ("Amazon ElastiCache API Reference": CreateReplicationGroup,
ModifyReplicationGroup, DeleteCacheSubnetGroup)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.elasticache.models import elasticache_backends

from ..errors import AwsError
from ..internal import call as ask
from ..operations import Answer, Call, operation
from ..state import MOTO, store
from .interfaces import hold, release

REQUESTER = "amazon-elasticache"
#: Members of the calls that a replication group is told with other names, or never.
UNTOLD = ("AuthToken", "AuthTokenUpdateStrategy", "Tags", "NumNodeGroups", "ReplicasPerNodeGroup", "NumCacheClusters",
          "AutomaticFailoverEnabled", "MultiAZEnabled", "ReplicationGroupDescription", "ApplyImmediately",
          "CacheSubnetGroupName", "SecurityGroupIds", "Port", "EngineVersion", "CacheParameterGroupName")


class Caches:
    """The replication groups of one account and region, and their subnet groups."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Any]] = {}
        self.subnets: dict[str, dict[str, Any]] = {}


def _known(call: Call) -> Caches:
    return store(Caches, call.account, call.region)


def _arn(call: Call, noun: str, name: str) -> str:
    return f"arn:{call.partition}:elasticache:{call.region}:{call.account}:{noun}:{name}"


def _tag(call: Call, arn: str) -> None:
    """Keep the tags where the tagging API finds them."""
    backend = elasticache_backends[call.account][call.region]
    with MOTO:
        backend.tagging_service.tag_resource(arn, call.get("Tags") or [])


def _listed(call: Call) -> None:
    """Let the tagging API list what there is."""
    backend, known = elasticache_backends[call.account][call.region], _known(call)
    backend.replication_groups = {name: SimpleNamespace(arn=_arn(call, "replicationgroup", name)) for name in known.groups}
    backend.cache_subnet_groups = {name: SimpleNamespace(arn=_arn(call, "subnetgroup", name)) for name in known.subnets}


# ---- subnet groups ----


@operation("elasticache", "CreateCacheSubnetGroup")
def create_cache_subnet_group(call: Call) -> Answer:
    """CreateCacheSubnetGroup."""
    name = call.parameters["CacheSubnetGroupName"].lower()
    if name in _known(call).subnets:
        raise AwsError("CacheSubnetGroupAlreadyExists", f"CacheSubnetGroup {name} already exists.")
    _known(call).subnets[name] = {"CacheSubnetGroupName": name, "ARN": _arn(call, "subnetgroup", name)}
    _tag(call, _arn(call, "subnetgroup", name))
    _listed(call)
    return modify_cache_subnet_group(call)


@operation("elasticache", "ModifyCacheSubnetGroup")
def modify_cache_subnet_group(call: Call) -> Answer:
    """ModifyCacheSubnetGroup."""
    found = _subnet_group(call, call.parameters["CacheSubnetGroupName"])
    if call.get("CacheSubnetGroupDescription") is not None:
        found["CacheSubnetGroupDescription"] = call.get("CacheSubnetGroupDescription")
    if call.get("SubnetIds"):
        told = ask(call.account, call.region, "ec2", "DescribeSubnets", SubnetIds=call.get("SubnetIds"))["Subnets"]
        found["VpcId"] = told[0]["VpcId"]
        found["Subnets"] = [{"SubnetIdentifier": row["SubnetId"],
                             "SubnetAvailabilityZone": {"Name": row["AvailabilityZone"]}} for row in told]
    return {"CacheSubnetGroup": found}


def _subnet_group(call: Call, name: str) -> dict[str, Any]:
    found = _known(call).subnets.get(name.lower())
    if found is None:
        raise AwsError("CacheSubnetGroupNotFoundFault", f"CacheSubnetGroup {name} not found.")
    return found


@operation("elasticache", "DescribeCacheSubnetGroups")
def describe_cache_subnet_groups(call: Call) -> Answer:
    """DescribeCacheSubnetGroups."""
    name = call.get("CacheSubnetGroupName")
    return {"CacheSubnetGroups": [_subnet_group(call, name)] if name else list(_known(call).subnets.values())}


@operation("elasticache", "DeleteCacheSubnetGroup")
def delete_cache_subnet_group(call: Call) -> Answer:
    """DeleteCacheSubnetGroup: not one with caches."""
    name = _subnet_group(call, call.parameters["CacheSubnetGroupName"])["CacheSubnetGroupName"]
    if any(group["_asked"].get("CacheSubnetGroupName", "").lower() == name for group in _known(call).groups.values()):
        raise AwsError("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster.")
    del _known(call).subnets[name]
    _listed(call)
    return {}


# ---- replication groups ----


def _check(asked: dict[str, Any]) -> None:
    """The combinations that CreateReplicationGroup and ModifyReplicationGroup refuse."""
    def refuse(why: str) -> None:
        raise AwsError("InvalidParameterCombination", why)

    shards, copies = int(asked.get("NumNodeGroups", 1)), int(asked.get("ReplicasPerNodeGroup", 0))
    clustered = "cluster.on" in asked.get("CacheParameterGroupName", "") or shards > 1
    if clustered and not asked.get("AutomaticFailoverEnabled"):
        refuse("Automatic failover must be enabled for cluster mode enabled replication groups.")
    if asked.get("MultiAZEnabled") and not copies and int(asked.get("NumCacheClusters", 1)) < 2:
        refuse("Must have at least one replica in each node group to enable Multi-AZ.")
    token = asked.get("AuthToken")
    if token is not None and not asked.get("TransitEncryptionEnabled"):
        refuse("AUTH token requires encryption in transit.")
    if token is not None and not 16 <= len(token) <= 128:
        raise AwsError("InvalidParameterValue", "The AUTH token must be 16 to 128 characters long.")


def _told(call: Call, asked: dict[str, Any]) -> dict[str, Any]:
    """A replication group as DescribeReplicationGroups tells it."""
    name, port = asked["ReplicationGroupId"], int(asked.get("Port", 6379))
    shards, copies = int(asked.get("NumNodeGroups", 1)), int(asked.get("ReplicasPerNodeGroup", 0))
    if asked.get("NumCacheClusters"):
        copies = int(asked["NumCacheClusters"]) - 1
    clustered = "cluster.on" in asked.get("CacheParameterGroupName", "") or shards > 1
    host = f"{name}.example.{call.region}.cache.amazonaws.com"
    nodes = [[f"{name}-{shard + 1:04}-{node + 1:03}" if clustered else f"{name}-{node + 1:03}"
              for node in range(1 + copies)] for shard in range(shards)]
    told = {key: value for key, value in asked.items() if key not in UNTOLD}
    told |= {
        "Description": asked.get("ReplicationGroupDescription", ""), "Status": "available",
        "ARN": _arn(call, "replicationgroup", name), "ClusterEnabled": clustered,
        "ClusterMode": "enabled" if clustered else "disabled",
        "AutomaticFailover": "enabled" if asked.get("AutomaticFailoverEnabled") else "disabled",
        "MultiAZ": "enabled" if asked.get("MultiAZEnabled") else "disabled",
        "AuthTokenEnabled": "AuthToken" in asked, "MemberClusters": [node for shard in nodes for node in shard],
        "NodeGroups": [{
            "NodeGroupId": f"{number + 1:04}", "Status": "available",
            "PrimaryEndpoint": {"Address": f"master.{host}", "Port": port},
            "ReaderEndpoint": {"Address": f"replica.{host}", "Port": port},
            "NodeGroupMembers": [{"CacheClusterId": node, "CacheNodeId": "0001"} for node in shard]}
            for number, shard in enumerate(nodes)]}
    if clustered:
        told["ConfigurationEndpoint"] = {"Address": f"clustercfg.{host}", "Port": port}
    return told


def _settle(call: Call, asked: dict[str, Any]) -> Answer:
    """Make a group what it is asked to be, with an interface for each node."""
    _check(asked)
    told = _told(call, asked)
    _known(call).groups[asked["ReplicationGroupId"]] = {"_asked": asked, "told": told}
    if asked.get("CacheSubnetGroupName"):
        rows = _subnet_group(call, asked["CacheSubnetGroupName"])["Subnets"]
        hold(call, REQUESTER, asked["ReplicationGroupId"], [row["SubnetIdentifier"] for row in rows],
             asked.get("SecurityGroupIds") or [], len(told["MemberClusters"]), f"ElastiCache {asked['ReplicationGroupId']}")
    return {"ReplicationGroup": told}


def _group(call: Call) -> dict[str, Any]:
    name = str(call.parameters["ReplicationGroupId"])
    found = _known(call).groups.get(name)
    if found is None:
        raise AwsError("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
    return found


@operation("elasticache", "CreateReplicationGroup")
def create_replication_group(call: Call) -> Answer:
    """CreateReplicationGroup."""
    asked = dict(call.parameters)
    name = asked["ReplicationGroupId"]
    if name in _known(call).groups:
        raise AwsError("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")
    if asked.get("CacheSubnetGroupName"):
        _subnet_group(call, asked["CacheSubnetGroupName"])
    _check(asked)
    answer = _settle(call, asked)
    _tag(call, _arn(call, "replicationgroup", name))
    _listed(call)
    return answer


@operation("elasticache", "ModifyReplicationGroup")
def modify_replication_group(call: Call) -> Answer:
    """ModifyReplicationGroup."""
    found = _group(call)
    return _settle(call, found["_asked"] | {key: value for key, value in call.parameters.items() if value is not None})


@operation("elasticache", "ModifyReplicationGroupShardConfiguration")
def modify_shards(call: Call) -> Answer:
    """ModifyReplicationGroupShardConfiguration."""
    return _settle(call, _group(call)["_asked"] | {"NumNodeGroups": int(call.parameters["NodeGroupCount"])})


@operation("elasticache", "IncreaseReplicaCount")
def increase_replicas(call: Call) -> Answer:
    """IncreaseReplicaCount."""
    return _settle(call, _group(call)["_asked"] | {"ReplicasPerNodeGroup": int(call.parameters["NewReplicaCount"])})


@operation("elasticache", "DecreaseReplicaCount")
def decrease_replicas(call: Call) -> Answer:
    """DecreaseReplicaCount."""
    return increase_replicas(call)


@operation("elasticache", "DescribeReplicationGroups")
def describe_replication_groups(call: Call) -> Answer:
    """DescribeReplicationGroups."""
    found = [_group(call)] if call.get("ReplicationGroupId") else list(_known(call).groups.values())
    return {"ReplicationGroups": [group["told"] for group in found]}


@operation("elasticache", "DeleteReplicationGroup")
def delete_replication_group(call: Call) -> Answer:
    """DeleteReplicationGroup."""
    told = _group(call)["told"]
    del _known(call).groups[told["ReplicationGroupId"]]
    release(call, REQUESTER, told["ReplicationGroupId"])
    _listed(call)
    return {"ReplicationGroup": told | {"Status": "deleting"}}


@operation("elasticache", "DescribeCacheClusters")
def describe_cache_clusters(call: Call) -> Answer:
    """DescribeCacheClusters: the nodes of replication groups beside moto's own clusters."""
    nodes = []
    for group in _known(call).groups.values():
        asked, told = group["_asked"], group["told"]
        nodes += [{"CacheClusterId": node, "ReplicationGroupId": told["ReplicationGroupId"], "NumCacheNodes": 1,
                   "CacheClusterStatus": "available", "CacheNodeType": asked.get("CacheNodeType"),
                   "Engine": asked.get("Engine"), "EngineVersion": asked.get("EngineVersion"),
                   "CacheSubnetGroupName": asked.get("CacheSubnetGroupName"),
                   "CacheParameterGroup": {"CacheParameterGroupName": asked.get("CacheParameterGroupName")},
                   "SecurityGroups": [{"SecurityGroupId": one, "Status": "active"}
                                      for one in asked.get("SecurityGroupIds") or []],
                   "ARN": _arn(call, "cluster", node)} for node in told["MemberClusters"]]
    wanted = call.get("CacheClusterId")
    if wanted:
        found = [node for node in nodes if node["CacheClusterId"] == wanted]
        return {"CacheClusters": found} if found else call.inner()
    return {"CacheClusters": nodes + call.inner().get("CacheClusters", [])}
