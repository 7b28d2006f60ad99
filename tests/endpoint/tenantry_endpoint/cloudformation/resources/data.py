"""Types of S3, SQS, SNS, OpenSearch Service, SSM and Route 53 through their APIs."""

from __future__ import annotations

import json
from typing import Any

from ...errors import AwsError
from ...services.hosted_zones import found_or_made
from .kind import Kind, Made, Place, Properties, Simple, having, is_gone, tag_list, tag_map


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Bucket(Kind):
    """AWS::S3::Bucket: each settings property is one call of the S3 API."""

    def create(self, place: Place, properties: Properties) -> Made:
        name = properties.get("BucketName") or place.name(63, lower=True)
        where = None if place.region == "us-east-1" else {"LocationConstraint": place.region}
        lock = properties.get("ObjectLockEnabled")
        place.call("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=lock)
        made = Made(name, {
            "Arn": f"arn:{place.partition}:s3:::{name}", "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{place.region}.amazonaws.com"})
        with having(made):
            self._settings(place, made, {}, properties)
        return made

    def _settings(self, place: Place, made: Made, old: Properties, new: Properties) -> None:
        known = {
            "BucketEncryption": self._encrypt, "VersioningConfiguration": self._version,
            "PublicAccessBlockConfiguration": self._block, "OwnershipControls": self._own,
            "LoggingConfiguration": self._log, "LifecycleConfiguration": self._life,
            "NotificationConfiguration": self._notify, "Tags": self._tag}
        for key, value in new.items():
            if key in ("BucketName", "ObjectLockEnabled") or old.get(key) == value:
                continue
            if key not in known:
                raise AwsError("ValidationError", f"the local endpoint does not implement property {key}")
            known[key](place, made.id, value)

    def _encrypt(self, place: Place, name: str, value: Any) -> None:
        rules = [{"BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
                  "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
                 for rule in value["ServerSideEncryptionConfiguration"]]
        place.call("s3", "PutBucketEncryption", Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})

    def _version(self, place: Place, name: str, value: Any) -> None:
        place.call("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration=value)

    def _block(self, place: Place, name: str, value: Any) -> None:
        place.call("s3", "PutPublicAccessBlock", Bucket=name, PublicAccessBlockConfiguration=value)

    def _own(self, place: Place, name: str, value: Any) -> None:
        place.call("s3", "PutBucketOwnershipControls", Bucket=name, OwnershipControls=value)

    def _log(self, place: Place, name: str, value: Any) -> None:
        enabled = {"TargetBucket": value.get("DestinationBucketName", name),
                   "TargetPrefix": value.get("LogFilePrefix", "")}
        place.call("s3", "PutBucketLogging", Bucket=name, BucketLoggingStatus={"LoggingEnabled": enabled})

    def _life(self, place: Place, name: str, value: Any) -> None:
        rules = []
        for rule in value["Rules"]:
            made: dict[str, Any] = {"ID": rule.get("Id", place.suffix), "Status": rule["Status"],
                                    "Filter": {"Prefix": rule.get("Prefix", "")}}
            if "ExpirationInDays" in rule:
                made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
            if str(rule.get("ExpiredObjectDeleteMarker", False)).lower() == "true":
                made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
            if "Transitions" in rule:
                made["Transitions"] = [{"Days": int(t["TransitionInDays"]), "StorageClass": t["StorageClass"]}
                                       for t in rule["Transitions"]]
            for key in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
                if key in rule:
                    made[key] = rule[key]
            if "NoncurrentVersionExpirationInDays" in rule:
                made["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(rule["NoncurrentVersionExpirationInDays"])}
            rules.append(made)
        place.call("s3", "PutBucketLifecycleConfiguration", Bucket=name, LifecycleConfiguration={"Rules": rules})

    def _notify(self, place: Place, name: str, value: Any) -> None:
        made: dict[str, Any] = {}
        if "EventBridgeConfiguration" in value:
            made["EventBridgeConfiguration"] = {}
        for key, target, arn in (("QueueConfigurations", "Queue", "QueueArn"),
                                 ("TopicConfigurations", "Topic", "TopicArn"),
                                 ("LambdaConfigurations", "Function", "LambdaFunctionArn")):
            rows = []
            for item in value.get(key) or []:
                row: dict[str, Any] = {arn: item[target], "Events": [item["Event"]]}
                if "Filter" in item:
                    row["Filter"] = {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}
                rows.append(row)
            if rows:
                made["LambdaFunctionConfigurations" if key.startswith("Lambda") else key] = rows
        place.call("s3", "PutBucketNotificationConfiguration", Bucket=name, NotificationConfiguration=made,
                   SkipDestinationValidation=True)

    def _tag(self, place: Place, name: str, value: Any) -> None:
        place.call("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": tag_list(value)})

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self._settings(place, made, old, new)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            place.call("s3", "DeleteBucket", Bucket=made.id)
        except AwsError as error:
            if not is_gone(error):
                raise

    def _read_lists(self, place: Place, name: str, properties: Properties) -> Properties:
        """Lifecycle and notifications, which S3 tells in other words than templates do."""
        live: Properties = {}
        if "LifecycleConfiguration" in properties:
            try:
                rules = place.call("s3", "GetBucketLifecycleConfiguration", Bucket=name)["Rules"]
            except AwsError:
                rules = []
            live["LifecycleConfiguration"] = {"Rules": [_lifecycle(rule) for rule in rules]}
        if "NotificationConfiguration" in properties:
            told = place.call("s3", "GetBucketNotificationConfiguration", Bucket=name)
            live["NotificationConfiguration"] = {"LambdaConfigurations": [
                {"Event": event, "Function": row["LambdaFunctionArn"]}
                for row in told.get("LambdaFunctionConfigurations") or [] for event in row["Events"]]}
        return live

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            place.call("s3", "HeadBucket", Bucket=made.id)
        except AwsError:
            return None
        live: Properties = {}
        for key, operation, member in (
                ("VersioningConfiguration", "GetBucketVersioning", ""),
                ("PublicAccessBlockConfiguration", "GetPublicAccessBlock", "PublicAccessBlockConfiguration"),
                ("BucketEncryption", "GetBucketEncryption", "ServerSideEncryptionConfiguration"),
                ("OwnershipControls", "GetBucketOwnershipControls", "OwnershipControls"),
                ("Tags", "GetBucketTagging", "TagSet")):
            if key not in properties:
                continue
            try:
                answer = place.call("s3", operation, Bucket=made.id)
                live[key] = answer[member] if member else answer
            except AwsError:
                live[key] = {}
        live |= self._read_lists(place, made.id, properties)
        if live.get("BucketEncryption"):
            live["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [
                {"BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
                 "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]}
                for rule in live["BucketEncryption"]["Rules"]]}
        return live


def _lifecycle(rule: dict[str, Any]) -> Properties:
    """A lifecycle rule in the words of the template."""
    told = {"Id": rule.get("ID"), "Status": rule["Status"], "Prefix": (rule.get("Filter") or {}).get("Prefix"),
            "ExpirationInDays": (rule.get("Expiration") or {}).get("Days"),
            "ExpiredObjectDeleteMarker": (rule.get("Expiration") or {}).get("ExpiredObjectDeleteMarker"),
            "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
            "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload")}
    return {key: value for key, value in told.items() if value not in (None, "")}


class Document(Kind):
    """A policy document laid on something else by one call: bucket, queue and topic policies."""

    def __init__(self, service: str, targets: str) -> None:
        self.service, self.targets = service, targets

    def _each(self, properties: Properties) -> list[str]:
        value = properties[self.targets]
        return list(value) if isinstance(value, list) else [value]

    def _put(self, place: Place, target: str, text: str) -> None:
        if self.service == "s3":
            place.call("s3", "PutBucketPolicy", Bucket=target, Policy=text)
        elif self.service == "sqs":
            place.call("sqs", "SetQueueAttributes", QueueUrl=target, Attributes={"Policy": text})
        else:
            place.call("sns", "SetTopicAttributes", TopicArn=target, AttributeName="Policy", AttributeValue=text)

    def create(self, place: Place, properties: Properties) -> Made:
        for target in self._each(properties):
            self._put(place, target, _json(properties["PolicyDocument"]))
        return Made(properties["Bucket"] if self.service == "s3" else f"{place.stack}-{place.logical}-{place.suffix}")

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        for target in self._each(new):
            self._put(place, target, _json(new["PolicyDocument"]))
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        for target in self._each(properties):
            try:
                if self.service == "s3":
                    place.call("s3", "DeleteBucketPolicy", Bucket=target)
                elif self.service == "sqs":
                    place.call("sqs", "SetQueueAttributes", QueueUrl=target, Attributes={"Policy": ""})
            except AwsError as error:
                if not is_gone(error):
                    raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        target = self._each(properties)[0]
        try:
            if self.service == "s3":
                text = place.call("s3", "GetBucketPolicy", Bucket=target)["Policy"]
            elif self.service == "sqs":
                text = place.call("sqs", "GetQueueAttributes", QueueUrl=target,
                                  AttributeNames=["Policy"])["Attributes"]["Policy"]
            else:
                text = place.call("sns", "GetTopicAttributes", TopicArn=target)["Attributes"]["Policy"]
            return {"PolicyDocument": json.loads(text)}
        except (AwsError, KeyError):
            return None


class Attributed(Kind):
    """SQS queues and SNS topics: properties are string attributes."""

    def __init__(self, service: str, noun: str) -> None:
        self.service, self.noun = service, noun

    def _attributes(self, properties: Properties) -> dict[str, str]:
        drop = ("QueueName", "TopicName", "Tags", "Subscription")
        return {key: _json(value) if isinstance(value, (dict, list)) else str(value).lower() if isinstance(value, bool)
                else str(value) for key, value in properties.items() if key not in drop}

    def create(self, place: Place, properties: Properties) -> Made:
        name = properties.get(f"{self.noun}Name") or place.name(80)
        tags = properties.get("Tags")
        if self.service == "sqs":
            url = place.call("sqs", "CreateQueue", QueueName=name, Attributes=self._attributes(properties),
                             tags=tag_map(tags) or None)["QueueUrl"]
            arn = f"arn:{place.partition}:sqs:{place.region}:{place.account}:{name}"
            return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})
        arn = place.call("sns", "CreateTopic", Name=name, Attributes=self._attributes(properties),
                         Tags=tag_list(tags) or None)["TopicArn"]
        for item in properties.get("Subscription") or []:
            place.call("sns", "Subscribe", TopicArn=arn, Protocol=item["Protocol"], Endpoint=item["Endpoint"])
        return Made(arn, {"TopicArn": arn, "TopicName": name, "Arn": arn})

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        for key, value in self._attributes(new).items():
            if old.get(key) == new.get(key):
                continue
            if self.service == "sqs":
                place.call("sqs", "SetQueueAttributes", QueueUrl=made.id, Attributes={key: value})
            else:
                place.call("sns", "SetTopicAttributes", TopicArn=made.id, AttributeName=key, AttributeValue=value)
        if old.get("Tags") != new.get("Tags"):
            gone = sorted(set(tag_map(old.get("Tags"))) - set(tag_map(new.get("Tags"))))
            if self.service == "sqs":
                place.call("sqs", "TagQueue", QueueUrl=made.id, Tags=tag_map(new.get("Tags")))
                if gone:
                    place.call("sqs", "UntagQueue", QueueUrl=made.id, TagKeys=gone)
            else:
                place.call("sns", "TagResource", ResourceArn=made.id, Tags=tag_list(new.get("Tags")))
                if gone:
                    place.call("sns", "UntagResource", ResourceArn=made.id, TagKeys=gone)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            if self.service == "sqs":
                place.call("sqs", "DeleteQueue", QueueUrl=made.id)
            else:
                place.call("sns", "DeleteTopic", TopicArn=made.id)
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            if self.service == "sqs":
                live = place.call("sqs", "GetQueueAttributes", QueueUrl=made.id, AttributeNames=["All"])["Attributes"]
            else:
                live = place.call("sns", "GetTopicAttributes", TopicArn=made.id)["Attributes"]
        except AwsError as error:
            if is_gone(error):
                return None
            raise
        return {key: json.loads(value) if value.startswith("{") else value for key, value in live.items()}


class RecordSet(Kind):
    """AWS::Route53::RecordSet."""

    def _change(self, place: Place, action: str, properties: Properties) -> None:
        record = {key: value for key, value in properties.items()
                  if key not in ("HostedZoneId", "HostedZoneName", "Comment", "ResourceRecords")}
        if "TTL" in record:
            record["TTL"] = int(record["TTL"])
        if "ResourceRecords" in properties:
            record["ResourceRecords"] = [{"Value": value} for value in properties["ResourceRecords"]]
        if "AliasTarget" in record:
            record["AliasTarget"] = {"EvaluateTargetHealth": False} | record["AliasTarget"]
        zone = found_or_made(place.account, place.region, properties["HostedZoneId"], properties["Name"])
        place.call("route53", "ChangeResourceRecordSets", HostedZoneId=zone,
                   ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]})

    def create(self, place: Place, properties: Properties) -> Made:
        # moto refuses a record that was there once and was deleted, while the zone has others.
        if self.read(place, Made(properties["Name"]), properties) is not None:
            raise AwsError("InvalidChangeBatch", f"Tried to create resource record set [name='{properties['Name']}', "
                                                 f"type='{properties['Type']}'] but it already exists")
        self._change(place, "UPSERT", properties)
        return Made(properties["Name"])

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self._change(place, "UPSERT", new)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            self._change(place, "DELETE", properties)
        except AwsError as error:
            if not is_gone(error) and "not found" not in str(error.message):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        name, kind = properties["Name"].rstrip(".") + ".", properties["Type"]
        zone = found_or_made(place.account, place.region, properties["HostedZoneId"], name)
        answer = place.call("route53", "ListResourceRecordSets", HostedZoneId=zone, StartRecordName=name,
                            StartRecordType=kind)
        for record in answer["ResourceRecordSets"]:
            if record["Name"].rstrip(".") + "." == name and record["Type"] == kind:
                values = [item["Value"] for item in record.pop("ResourceRecords", [])]
                return record | {"Name": properties["Name"]} | ({"ResourceRecords": values} if values else {})
        return None


def _domain_after(place: Place, made: Made, properties: Properties) -> None:
    status = place.call("opensearch", "DescribeDomain", DomainName=made.id)["DomainStatus"]
    where = status.get("Endpoint") or (status.get("Endpoints") or {}).get("vpc")
    made.attributes.update(Arn=status["ARN"], DomainArn=status["ARN"], Id=status["DomainId"], DomainEndpoint=where)


KINDS: dict[str, Kind] = {
    "AWS::S3::Bucket": Bucket(),
    "AWS::S3::BucketPolicy": Document("s3", "Bucket"),
    "AWS::SQS::Queue": Attributed("sqs", "Queue"),
    "AWS::SQS::QueuePolicy": Document("sqs", "Queues"),
    "AWS::SNS::Topic": Attributed("sns", "Topic"),
    "AWS::SNS::TopicPolicy": Document("sns", "Topics"),
    "AWS::SNS::Subscription": Simple("sns", "Subscribe", "SubscriptionArn", "Unsubscribe SubscriptionArn",
                                     look="GetSubscriptionAttributes SubscriptionArn -> Attributes",
                                     fixed={"ReturnSubscriptionArn": True}),
    "AWS::OpenSearchService::Domain": Simple(
        "opensearch", "CreateDomain", "DomainStatus.DomainName", "DeleteDomain DomainName",
        "UpdateDomainConfig DomainName", "DescribeDomain DomainName -> DomainStatus", name="DomainName", lower=True,
        after=_domain_after),
    "AWS::SSM::Parameter": Simple("ssm", "PutParameter", "$Name", "DeleteParameter Name",
                                  "PutParameter Name Overwrite=true", "GetParameter Name -> Parameter", name="Name"),
    "AWS::Route53::RecordSet": RecordSet(),
}
