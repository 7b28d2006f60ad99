"""Types of CloudWatch, CloudWatch Logs, Firehose and OAM through their APIs."""

from __future__ import annotations

import json

from ...errors import AwsError
from .kind import Kind, Made, Place, Properties, Simple, is_gone, retag, shape_of, shaped, tag_list, tag_map


class LogGroup(Kind):
    """AWS::Logs::LogGroup with retention and key."""

    def create(self, place: Place, properties: Properties) -> Made:
        name = properties.get("LogGroupName") or place.name(512)
        place.call("logs", "CreateLogGroup", logGroupName=name, kmsKeyId=properties.get("KmsKeyId"),
                   tags=tag_map(properties.get("Tags")) or None)
        self._retain(place, name, properties)
        return Made(name, {"Arn": f"arn:{place.partition}:logs:{place.region}:{place.account}:log-group:{name}:*"})

    def _retain(self, place: Place, name: str, properties: Properties) -> None:
        if "RetentionInDays" in properties:
            days = int(properties["RetentionInDays"])
            place.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self._retain(place, made.id, new)
        if "RetentionInDays" in old and "RetentionInDays" not in new:
            place.call("logs", "DeleteRetentionPolicy", logGroupName=made.id)
        if old.get("KmsKeyId") != new.get("KmsKeyId") and new.get("KmsKeyId"):
            place.call("logs", "AssociateKmsKey", logGroupName=made.id, kmsKeyId=new["KmsKeyId"])
        if old.get("Tags") != new.get("Tags"):
            arn = made.attributes["Arn"].removesuffix(":*")
            retag(place, Made(arn, made.attributes), "logs", old, new)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            place.call("logs", "DeleteLogGroup", logGroupName=made.id)
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        groups = place.call("logs", "DescribeLogGroups", logGroupNamePrefix=made.id)["logGroups"]
        found = next((group for group in groups if group["logGroupName"] == made.id), None)
        if found is None:
            return None
        return {"LogGroupName": made.id, "RetentionInDays": found.get("retentionInDays"),
                "KmsKeyId": found.get("kmsKeyId")}


class Dashboard(Kind):
    """AWS::CloudWatch::Dashboard."""

    def create(self, place: Place, properties: Properties) -> Made:
        name = properties.get("DashboardName") or place.name(255)
        body = properties["DashboardBody"]
        place.call("cloudwatch", "PutDashboard", DashboardName=name,
                   DashboardBody=body if isinstance(body, str) else json.dumps(body))
        return Made(name)

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(place, new | {"DashboardName": made.id})

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            place.call("cloudwatch", "DeleteDashboards", DashboardNames=[made.id])
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            return dict(place.call("cloudwatch", "GetDashboard", DashboardName=made.id))
        except AwsError as error:
            if is_gone(error):
                return None
            raise


def _destination_after(place: Place, made: Made, properties: Properties) -> None:
    if "DestinationPolicy" in properties:
        policy = properties["DestinationPolicy"]
        place.call("logs", "PutDestinationPolicy", destinationName=made.id, accessPolicy=policy)


def _sink_after(place: Place, made: Made, properties: Properties) -> None:
    if "Policy" in properties:
        policy = properties["Policy"]
        place.call("oam", "PutSinkPolicy", SinkIdentifier=made.id,
                   Policy=policy if isinstance(policy, str) else json.dumps(policy))


class DeliveryStream(Simple):
    """AWS::KinesisFirehose::DeliveryStream: destination, encryption and tags change by a call each."""

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        changed = {key for key in set(old) | set(new) if old.get(key) != new.get(key)}
        known = {"Tags", "DeliveryStreamEncryptionConfigurationInput", "ExtendedS3DestinationConfiguration"}
        if changed - known:
            rest = ", ".join(sorted(changed - known))
            raise AwsError("NotUpdatable", f"the local endpoint cannot update {rest} in place")
        if "DeliveryStreamEncryptionConfigurationInput" in changed:
            given = new.get("DeliveryStreamEncryptionConfigurationInput")
            if given:
                place.call("firehose", "StartDeliveryStreamEncryption", DeliveryStreamName=made.id,
                           DeliveryStreamEncryptionConfigurationInput=given)
            else:
                place.call("firehose", "StopDeliveryStreamEncryption", DeliveryStreamName=made.id)
        if "ExtendedS3DestinationConfiguration" in changed:
            told = place.call("firehose", "DescribeDeliveryStream",
                              DeliveryStreamName=made.id)["DeliveryStreamDescription"]
            shape = shape_of("firehose", "UpdateDestination", place.region).members["ExtendedS3DestinationUpdate"]
            place.call("firehose", "UpdateDestination", DeliveryStreamName=made.id,
                       CurrentDeliveryStreamVersionId=told["VersionId"],
                       DestinationId=told["Destinations"][0]["DestinationId"],
                       ExtendedS3DestinationUpdate=shaped(shape, new["ExtendedS3DestinationConfiguration"]))
        if "Tags" in changed:
            before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
            if after:
                place.call("firehose", "TagDeliveryStream", DeliveryStreamName=made.id, Tags=tag_list(after))
            if set(before) - set(after):
                place.call("firehose", "UntagDeliveryStream", DeliveryStreamName=made.id,
                           TagKeys=sorted(set(before) - set(after)))
        return made


def _delivery_after(place: Place, made: Made, properties: Properties) -> None:
    made.attributes["Arn"] = made.attributes["_answer"]["DeliveryStreamARN"]


def _alarm(operation: str, kind: str) -> Simple:
    return Simple("cloudwatch", operation, "$AlarmName", "DeleteAlarms AlarmNames[]", f"{operation} AlarmName",
                  f"DescribeAlarms AlarmNames[] AlarmTypes=@_types -> {kind}s[0]", name="AlarmName",
                  after=lambda place, made, p: made.attributes.update(
                      Arn=f"arn:{place.partition}:cloudwatch:{place.region}:{place.account}:alarm:{made.id}",
                      _types=[kind]))


KINDS: dict[str, Kind] = {
    "AWS::Logs::ResourcePolicy": Simple("logs", "PutResourcePolicy", "$PolicyName", "DeleteResourcePolicy policyName",
                                        "PutResourcePolicy policyName",
                                        "DescribeResourcePolicies -> resourcePolicies[?policyName=='$id'] | [0]",
                                        name="PolicyName"),
    "AWS::Logs::LogGroup": LogGroup(),
    "AWS::Logs::SubscriptionFilter": Simple(
        "logs", "PutSubscriptionFilter", "$FilterName",
        "DeleteSubscriptionFilter filterName logGroupName=$LogGroupName",
        "PutSubscriptionFilter filterName",
        "DescribeSubscriptionFilters filterNamePrefix logGroupName=$LogGroupName -> subscriptionFilters[0]",
        name="FilterName"),
    "AWS::Logs::MetricFilter": Simple(
        "logs", "PutMetricFilter", "$FilterName", "DeleteMetricFilter filterName logGroupName=$LogGroupName",
        "PutMetricFilter filterName",
        "DescribeMetricFilters filterNamePrefix logGroupName=$LogGroupName -> metricFilters[0]", name="FilterName"),
    "AWS::Logs::Destination": Simple(
        "logs", "PutDestination", "$DestinationName", "DeleteDestination destinationName",
        "PutDestination destinationName", "DescribeDestinations DestinationNamePrefix -> destinations[0]",
        drop=("DestinationPolicy",), after=_destination_after),
    "AWS::KinesisFirehose::DeliveryStream": DeliveryStream(
        "firehose", "CreateDeliveryStream", "$DeliveryStreamName", "DeleteDeliveryStream DeliveryStreamName", "",
        "DescribeDeliveryStream DeliveryStreamName -> DeliveryStreamDescription", name="DeliveryStreamName",
        after=_delivery_after),
    "AWS::CloudWatch::Alarm": _alarm("PutMetricAlarm", "MetricAlarm"),
    "AWS::CloudWatch::CompositeAlarm": _alarm("PutCompositeAlarm", "CompositeAlarm"),
    "AWS::CloudWatch::Dashboard": Dashboard(),
    "AWS::Oam::Link": Simple("oam", "CreateLink", "Arn", "DeleteLink Identifier", "UpdateLink Identifier",
                             "GetLink Identifier"),
    "AWS::Oam::Sink": Simple("oam", "CreateSink", "Arn", "DeleteSink Identifier", "", "GetSink Identifier",
                             drop=("Policy",), after=_sink_after),
}
