"""Types of RDS, ElastiCache, DynamoDB and Secrets Manager through their APIs."""

from __future__ import annotations

import json
from typing import Any

from ...errors import AwsError
from .kind import Kind, Made, Place, Properties, Simple, having, is_gone, tag_list, tag_map


def _arn(place: Place, service: str, noun: str, name: str) -> str:
    return f"arn:{place.partition}:{service}:{place.region}:{place.account}:{noun}:{name}"


def _retag(place: Place, service: str, arn: str, old: Properties, new: Properties) -> None:
    """Replace tags through AddTagsToResource, whose resource is a name in the API and an ARN in fact."""
    before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
    if before == after:
        return
    if after:
        place.call(service, "AddTagsToResource", ResourceName=arn, Tags=tag_list(after))
    if set(before) - set(after):
        place.call(service, "RemoveTagsFromResource", ResourceName=arn, TagKeys=sorted(set(before) - set(after)))


def _live_tags(place: Place, service: str, arn: str) -> list[dict[str, str]]:
    return list(place.call(service, "ListTagsForResource", ResourceName=arn).get("TagList") or [])


class Tagged(Simple):
    """A type of RDS or ElastiCache; `noun` is the one of its ARN."""

    noun = ""

    def _of(self, place: Place, made: Made) -> str:
        return _arn(place, self.service, self.noun, made.id.lower())

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        without = ({key: value for key, value in given.items() if key != "Tags"} for given in (old, new))
        before, after = without
        if before != after:
            super().update(place, made, before, after)
        _retag(place, self.service, self._of(place, made), old, new)
        return made

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        live = super().read(place, made, properties)
        if live is not None and "Tags" in properties:
            live["Tags"] = _live_tags(place, self.service, self._of(place, made))
        return live


class SubnetGroup(Tagged):
    """AWS::RDS::DBSubnetGroup and AWS::ElastiCache::SubnetGroup."""

    def __init__(self, service: str, noun: str, name: str, prefix: str) -> None:
        super().__init__(service, f"Create{name}", f"{name}.{name}Name", f"Delete{name} {name}Name",
                         f"Modify{name} {name}Name", f"Describe{name}s {name}Name -> {name}s[0]", name=f"{prefix}Name",
                         rename={"Description": f"{name}Description"})
        self.noun = noun

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        live = super().read(place, made, properties)
        if live is not None:
            live["SubnetIds"] = [row["SubnetIdentifier"] for row in live.get("Subnets", [])]
        return live


class ParameterGroup(Tagged):
    """AWS::RDS::DBParameterGroup: parameters are set by a second call."""

    noun = "pg"

    def _set(self, place: Place, made: Made, properties: Properties, old: Properties) -> None:
        gone = set(old.get("Parameters") or {}) - set(properties.get("Parameters") or {})
        rows = [{"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
                for name, value in (properties.get("Parameters") or {}).items()]
        rows += [{"ParameterName": name, "ParameterValue": "", "ApplyMethod": "pending-reboot"} for name in sorted(gone)]
        if rows:
            place.call("rds", "ModifyDBParameterGroup", DBParameterGroupName=made.id, Parameters=rows)

    def create(self, place: Place, properties: Properties) -> Made:
        made = super().create(place, properties)
        with having(made):
            self._set(place, made, properties, {})
        return made

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self._set(place, made, new, old)
        _retag(place, "rds", self._of(place, made), old, new)
        return made

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        live = super().read(place, made, properties)
        if live is None:
            return None
        told = place.call("rds", "DescribeDBParameters", DBParameterGroupName=made.id)["Parameters"]
        live["Parameters"] = {row["ParameterName"]: row.get("ParameterValue") for row in told
                              if row.get("ParameterValue") and row["ParameterName"] in properties.get("Parameters", {})}
        return live


class Database(Tagged):
    """AWS::RDS::DBInstance."""

    noun = "db"

    def create(self, place: Place, properties: Properties) -> Made:
        made = super().create(place, properties)
        self.learn(place, made)
        return made

    def learn(self, place: Place, made: Made) -> None:
        """What `GetAtt` tells of an instance."""
        told = place.call("rds", "DescribeDBInstances", DBInstanceIdentifier=made.id)["DBInstances"][0]
        where = told.get("Endpoint") or {}
        made.attributes.update({"Endpoint.Address": where.get("Address"), "Endpoint.Port": str(where.get("Port")),
                                "DBInstanceArn": told["DBInstanceArn"], "DbiResourceId": told.get("DbiResourceId")})

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        changed = {key: value for key, value in new.items() if old.get(key) != value and key != "Tags"}
        if changed:
            given = {self.rename.get(key, key): value for key, value in changed.items()}
            helper = Simple("rds", "ModifyDBInstance", "", rename=self.rename, drop=("DBInstanceIdentifier",))
            place.call("rds", "ModifyDBInstance", DBInstanceIdentifier=made.id, ApplyImmediately=True,
                       **helper._parameters(place, "ModifyDBInstance", given))
        _retag(place, "rds", self._of(place, made), old, new)
        self.learn(place, made)
        return made

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        live = super().read(place, made, properties)
        if live is None:
            return None
        live["VPCSecurityGroups"] = [row["VpcSecurityGroupId"] for row in live.get("VpcSecurityGroups", [])]
        live["DBSubnetGroupName"] = (live.pop("DBSubnetGroup", None) or {}).get("DBSubnetGroupName")
        groups = live.pop("DBParameterGroups", None) or [{}]
        live["DBParameterGroupName"] = groups[0].get("DBParameterGroupName")
        live["Port"] = str((live.get("Endpoint") or {}).get("Port", ""))
        # moto knows neither of these by the words of the API.
        for silent in ("CACertificateIdentifier", "MasterUserPassword"):
            live.pop(silent, None)
        return live


class Cache(Tagged):
    """AWS::ElastiCache::ReplicationGroup: shards and copies change by calls of their own."""

    noun = "replicationgroup"

    def create(self, place: Place, properties: Properties) -> Made:
        made = super().create(place, properties)
        self.learn(place, made)
        return made

    def learn(self, place: Place, made: Made) -> None:
        """What `GetAtt` tells of a replication group."""
        told = place.call("elasticache", "DescribeReplicationGroups", ReplicationGroupId=made.id)["ReplicationGroups"][0]
        if "ConfigurationEndpoint" in told:
            where = told["ConfigurationEndpoint"]
            made.attributes.update({"ConfigurationEndPoint.Address": where["Address"],
                                    "ConfigurationEndPoint.Port": str(where["Port"])})
        first = told["NodeGroups"][0]
        for name, member in (("PrimaryEndPoint", "PrimaryEndpoint"), ("ReaderEndPoint", "ReaderEndpoint")):
            made.attributes.update({f"{name}.Address": first[member]["Address"],
                                    f"{name}.Port": str(first[member]["Port"])})

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        def changed(name: str) -> bool:
            return bool(old.get(name) != new.get(name) and new.get(name) is not None)

        if changed("NumNodeGroups"):
            place.call("elasticache", "ModifyReplicationGroupShardConfiguration", ReplicationGroupId=made.id,
                       NodeGroupCount=int(new["NumNodeGroups"]), ApplyImmediately=True)
        if changed("ReplicasPerNodeGroup"):
            more = int(new["ReplicasPerNodeGroup"]) > int(old.get("ReplicasPerNodeGroup") or 0)
            # Multi-AZ ends before the last copy does.
            if not more and changed("MultiAZEnabled"):
                place.call("elasticache", "ModifyReplicationGroup", ReplicationGroupId=made.id,
                           MultiAZEnabled=bool(new["MultiAZEnabled"]), ApplyImmediately=True)
            place.call("elasticache", "IncreaseReplicaCount" if more else "DecreaseReplicaCount",
                       ReplicationGroupId=made.id, NewReplicaCount=int(new["ReplicasPerNodeGroup"]), ApplyImmediately=True)
        apart = ("NumNodeGroups", "ReplicasPerNodeGroup", "ReplicationGroupId", "Tags")
        rest = {key: value for key, value in new.items() if key not in apart and old.get(key) != value}
        if rest:
            helper = Simple("elasticache", "ModifyReplicationGroup", "")
            place.call("elasticache", "ModifyReplicationGroup", ReplicationGroupId=made.id, ApplyImmediately=True,
                       **helper._parameters(place, "ModifyReplicationGroup", rest))
        _retag(place, "elasticache", self._of(place, made), old, new)
        return made

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        live = super().read(place, made, properties)
        if live is None:
            return None
        shards = live["NodeGroups"]
        live |= {"ReplicationGroupDescription": live["Description"], "NumNodeGroups": len(shards),
                 "ReplicasPerNodeGroup": len(shards[0]["NodeGroupMembers"]) - 1,
                 "AutomaticFailoverEnabled": live["AutomaticFailover"] == "enabled",
                 "MultiAZEnabled": live["MultiAZ"] == "enabled"}
        node = place.call("elasticache", "DescribeCacheClusters",
                          CacheClusterId=live["MemberClusters"][0])["CacheClusters"][0]
        live |= {"CacheSubnetGroupName": node.get("CacheSubnetGroupName"), "EngineVersion": node.get("EngineVersion"),
                 "CacheParameterGroupName": (node.get("CacheParameterGroup") or {}).get("CacheParameterGroupName"),
                 "SecurityGroupIds": [row["SecurityGroupId"] for row in node.get("SecurityGroups") or []]}
        return live


def _table(place: Place, properties: Properties) -> Properties:
    """`SSESpecification` in the words of the API."""
    given = dict(properties)
    if "SSESpecification" in given:
        secured = dict(given["SSESpecification"])
        given["SSESpecification"] = {"Enabled": secured.pop("SSEEnabled", None)} | secured
    return given


class Table(Simple):
    """AWS::DynamoDB::Table: time to live and point-in-time recovery are calls of their own."""

    def learn(self, place: Place, made: Made) -> None:
        """What `GetAtt` tells of a table."""
        made.attributes["Arn"] = _arn(place, "dynamodb", f"table/{made.id}", "").rstrip(":")

    def _after(self, place: Place, made: Made, properties: Properties, old: Properties) -> None:
        if properties.get("TimeToLiveSpecification") != old.get("TimeToLiveSpecification"):
            given = properties.get("TimeToLiveSpecification") or {**(old["TimeToLiveSpecification"]), "Enabled": False}
            place.call("dynamodb", "UpdateTimeToLive", TableName=made.id, TimeToLiveSpecification=given)
        if properties.get("PointInTimeRecoverySpecification") != old.get("PointInTimeRecoverySpecification"):
            given = properties.get("PointInTimeRecoverySpecification") or {"PointInTimeRecoveryEnabled": False}
            place.call("dynamodb", "UpdateContinuousBackups", TableName=made.id,
                       PointInTimeRecoverySpecification=given)

    def create(self, place: Place, properties: Properties) -> Made:
        made = super().create(place, properties)
        self.learn(place, made)
        with having(made):
            self._after(place, made, properties, {})
        return made

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self._after(place, made, new, old)
        apart = ("TimeToLiveSpecification", "PointInTimeRecoverySpecification")
        before, after = ({k: v for k, v in given.items() if k not in apart} for given in (old, new))
        return super().update(place, made, before, after) if before != after else made

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        live = super().read(place, made, properties)
        if live is None:
            return None
        live["BillingMode"] = (live.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
        secured = live.get("SSEDescription") or {}
        live["SSESpecification"] = {"SSEEnabled": secured.get("Status") == "ENABLED", "SSEType": secured.get("SSEType"),
                                    "KMSMasterKeyId": secured.get("KMSMasterKeyArn")}
        time = place.call("dynamodb", "DescribeTimeToLive", TableName=made.id)["TimeToLiveDescription"]
        live["TimeToLiveSpecification"] = {"AttributeName": time.get("AttributeName"),
                                           "Enabled": time["TimeToLiveStatus"] == "ENABLED"}
        backups = place.call("dynamodb", "DescribeContinuousBackups", TableName=made.id)["ContinuousBackupsDescription"]
        status = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        live["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": status == "ENABLED"}
        if "Tags" in properties:
            live["Tags"] = place.call("dynamodb", "ListTagsOfResource", ResourceArn=live["TableArn"])["Tags"]
        return live


class Secret(Kind):
    """AWS::SecretsManager::Secret: its value is given, or generated into a document of the template's."""

    def _value(self, place: Place, properties: Properties) -> str | None:
        if "SecretString" in properties:
            return str(properties["SecretString"])
        wanted = properties.get("GenerateSecretString")
        if wanted is None:
            return None
        rest = {key: value for key, value in wanted.items() if key not in ("SecretStringTemplate", "GenerateStringKey")}
        drawn = place.call("secretsmanager", "GetRandomPassword", **rest)["RandomPassword"]
        if "GenerateStringKey" not in wanted:
            return str(drawn)
        return json.dumps(json.loads(wanted["SecretStringTemplate"]) | {wanted["GenerateStringKey"]: drawn})

    def create(self, place: Place, properties: Properties) -> Made:
        answer = place.call(
            "secretsmanager", "CreateSecret", Name=properties.get("Name") or place.name(512),
            Description=properties.get("Description"), KmsKeyId=properties.get("KmsKeyId"),
            SecretString=self._value(place, properties), Tags=tag_list(properties.get("Tags")) or None)
        return Made(answer["ARN"], {"Id": answer["ARN"], "Arn": answer["ARN"]})

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        value = self._value(place, new) if any(
            old.get(key) != new.get(key) for key in ("SecretString", "GenerateSecretString")) else None
        place.call("secretsmanager", "UpdateSecret", SecretId=made.id, Description=new.get("Description"),
                   KmsKeyId=new.get("KmsKeyId"), SecretString=value)
        gone = sorted(set(tag_map(old.get("Tags"))) - set(tag_map(new.get("Tags"))))
        if tag_map(old.get("Tags")) != tag_map(new.get("Tags")):
            place.call("secretsmanager", "TagResource", SecretId=made.id, Tags=tag_list(new.get("Tags")))
        if gone:
            place.call("secretsmanager", "UntagResource", SecretId=made.id, TagKeys=gone)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            place.call("secretsmanager", "DeleteSecret", SecretId=made.id, ForceDeleteWithoutRecovery=True)
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            live = place.call("secretsmanager", "DescribeSecret", SecretId=made.id)
        except AwsError as error:
            if is_gone(error):
                return None
            raise
        return None if live.get("DeletedDate") else dict(live)


#: Members of a secret that an attachment adds.
CONNECTION = ("engine", "host", "port", "dbInstanceIdentifier", "dbname")


class Attachment(Kind):
    """AWS::SecretsManager::SecretTargetAttachment: what reaches the database, beside the user and the password."""

    def _document(self, place: Place, properties: Properties) -> dict[str, Any]:
        text = place.call("secretsmanager", "GetSecretValue", SecretId=properties["SecretId"])["SecretString"]
        return dict(json.loads(text))

    def _put(self, place: Place, properties: Properties, document: dict[str, Any]) -> None:
        place.call("secretsmanager", "PutSecretValue", SecretId=properties["SecretId"], SecretString=json.dumps(document))

    def create(self, place: Place, properties: Properties) -> Made:
        if properties["TargetType"] != "AWS::RDS::DBInstance":
            raise AwsError("ValidationError", f"the local endpoint does not attach secrets to {properties['TargetType']}")
        told = place.call("rds", "DescribeDBInstances", DBInstanceIdentifier=properties["TargetId"])["DBInstances"][0]
        where = {"engine": told["Engine"], "host": told["Endpoint"]["Address"], "port": told["Endpoint"]["Port"],
                 "dbInstanceIdentifier": told["DBInstanceIdentifier"], "dbname": told.get("DBName")}
        self._put(place, properties, self._document(place, properties) | where)
        return Made(properties["SecretId"], {"Id": properties["SecretId"]})

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(place, new)

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            left = {key: value for key, value in self._document(place, properties).items() if key not in CONNECTION}
            self._put(place, properties, left)
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            document = self._document(place, properties)
        except AwsError as error:
            if is_gone(error):
                return None
            raise
        if "host" not in document:
            return None
        return {"SecretId": properties["SecretId"], "TargetType": properties["TargetType"],
                "TargetId": document.get("dbInstanceIdentifier")}


KINDS: dict[str, Kind] = {
    "AWS::RDS::DBSubnetGroup": SubnetGroup("rds", "subgrp", "DBSubnetGroup", "DBSubnetGroup"),
    "AWS::RDS::DBParameterGroup": ParameterGroup(
        "rds", "CreateDBParameterGroup", "DBParameterGroup.DBParameterGroupName",
        "DeleteDBParameterGroup DBParameterGroupName", "",
        "DescribeDBParameterGroups DBParameterGroupName -> DBParameterGroups[0]", name="DBParameterGroupName", lower=True,
        rename={"Family": "DBParameterGroupFamily"}, drop=("Parameters",)),
    "AWS::RDS::DBInstance": Database(
        "rds", "CreateDBInstance", "DBInstance.DBInstanceIdentifier",
        "DeleteDBInstance DBInstanceIdentifier SkipFinalSnapshot=true", "",
        "DescribeDBInstances DBInstanceIdentifier -> DBInstances[0]", name="DBInstanceIdentifier", lower=True,
        rename={"VPCSecurityGroups": "VpcSecurityGroupIds"}),
    "AWS::ElastiCache::SubnetGroup": SubnetGroup("elasticache", "subnetgroup", "CacheSubnetGroup", "CacheSubnetGroup"),
    "AWS::ElastiCache::ReplicationGroup": Cache(
        "elasticache", "CreateReplicationGroup", "ReplicationGroup.ReplicationGroupId",
        "DeleteReplicationGroup ReplicationGroupId", "",
        "DescribeReplicationGroups ReplicationGroupId -> ReplicationGroups[0]", name="ReplicationGroupId", lower=True),
    "AWS::DynamoDB::Table": Table(
        "dynamodb", "CreateTable", "TableDescription.TableName", "DeleteTable TableName", "UpdateTable TableName",
        "DescribeTable TableName -> Table", name="TableName", before=_table,
        drop=("TimeToLiveSpecification", "PointInTimeRecoverySpecification")),
    "AWS::SecretsManager::Secret": Secret(),
    "AWS::SecretsManager::SecretTargetAttachment": Attachment(),
}
