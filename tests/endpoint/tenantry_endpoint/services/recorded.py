"""Operations that moto lacks and that only keep records: Roles Anywhere, OAM, parts of AppConfig, ELBv2 trust stores
and composite alarms (each service's API reference). A record is what its create call said, with id, ARN and state."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ..errors import AwsError
from ..internal import call as internal_call
from ..operations import Answer, Call, find, operation, whole_service
from ..state import store
from .composite import composites


class Records:
    """The records of one account and region: by noun, then by key."""

    def __init__(self) -> None:
        self.by_noun: dict[str, dict[str, Answer]] = defaultdict(dict)


@dataclass(frozen=True)
class Noun:
    """One kind of record. `key` is the member of get, update and delete that names it; `wrapper` wraps answers."""

    service: str
    noun: str
    key: str
    arn: str
    id_member: str
    arn_member: str
    wrapper: str = ""
    listed: str = ""
    plural: str = ""
    id_form: str = "uuid"
    extra: dict[str, Any] = field(default_factory=dict)
    missing: str = "ResourceNotFoundException"
    make: str = "Create"

    def table(self, call: Call) -> dict[str, Answer]:
        """The records of the caller's account and region."""
        return store(Records, call.account, call.region).by_noun[f"{self.service}.{self.noun}"]

    def find(self, call: Call) -> Answer:
        """The record that a call names by id or ARN."""
        wanted = call.get(self.key)
        for record in self.table(call).values():
            if wanted in (record[self.id_member], record[self.arn_member]):
                return record
        raise AwsError(self.missing, f"{self.noun} {wanted} not found")

    def wrap(self, record: Answer) -> Answer:
        """A record as an answer."""
        return {self.wrapper: record} if self.wrapper else dict(record)

    def register(self) -> None:
        """Register create, get, update, delete and list."""
        @operation(self.service, f"{self.make}{self.noun}")
        def create(call: Call) -> Answer:
            ident = str(uuid.uuid4()) if self.id_form == "uuid" else uuid.uuid4().hex[:7]
            arn = self.arn.format(partition=call.partition, region=call.region, account=call.account, id=ident,
                                  **call.parameters)
            record = dict(self.extra) | {k: v for k, v in call.parameters.items() if k.lower() != "tags"}
            record |= {self.id_member: ident, self.arn_member: arn}
            tags = call.get("tags") or call.get("Tags")
            self.table(call)[ident] = record
            if tags and self.service == "appconfig":
                call.inner("TagResource", ResourceArn=arn, Tags=tags)
            elif tags:
                store(Records, call.account, call.region).by_noun["tags"][arn] = {"tags": tags}
            return self.wrap(record)

        @operation(self.service, f"Get{self.noun}")
        def get(call: Call) -> Answer:
            return self.wrap(self.find(call))

        @operation(self.service, f"Update{self.noun}")
        def update(call: Call) -> Answer:
            record = self.find(call)
            record.update({key: value for key, value in call.parameters.items() if key != self.key})
            return self.wrap(record)

        if "enabled" in self.extra:
            for verb, enabled in (("Enable", True), ("Disable", False)):
                @operation(self.service, f"{verb}{self.noun}")
                def switch(call: Call, enabled: bool = enabled) -> Answer:
                    record = self.find(call)
                    record["enabled"] = enabled
                    return self.wrap(record)

        @operation(self.service, f"Delete{self.noun}")
        def delete(call: Call) -> Answer:
            record = self.find(call)
            del self.table(call)[record[self.id_member]]
            return self.wrap(record)

        @operation(self.service, f"List{self.plural or self.noun + 's'}")
        def listing(call: Call) -> Answer:
            return {self.listed: list(self.table(call).values())}


ANYWHERE = "arn:{partition}:rolesanywhere:{region}:{account}:"
APPCONFIG = "arn:{partition}:appconfig:{region}:{account}:"
NOUNS = [
    Noun("rolesanywhere", "TrustAnchor", "trustAnchorId", ANYWHERE + "trust-anchor/{id}", "trustAnchorId",
         "trustAnchorArn", "trustAnchor", "trustAnchors", extra={"enabled": True}),
    Noun("rolesanywhere", "Profile", "profileId", ANYWHERE + "profile/{id}", "profileId", "profileArn", "profile",
         "profiles", extra={"enabled": True, "durationSeconds": 3600}),
    Noun("rolesanywhere", "Crl", "crlId", ANYWHERE + "crl/{id}", "crlId", "crlArn", "crl", "crls",
         extra={"enabled": True}, make="Import"),
    Noun("oam", "Sink", "Identifier", "arn:{partition}:oam:{region}:{account}:sink/{id}", "Id", "Arn", listed="Items"),
    Noun("oam", "Link", "Identifier", "arn:{partition}:oam:{region}:{account}:link/{id}", "Id", "Arn", listed="Items"),
    Noun("appconfig", "Environment", "EnvironmentId", APPCONFIG + "application/{ApplicationId}/environment/{id}", "Id",
         "_arn", listed="Items", id_form="short", extra={"State": "READY_FOR_DEPLOYMENT"}),
    Noun("appconfig", "DeploymentStrategy", "DeploymentStrategyId", APPCONFIG + "deploymentstrategy/{id}", "Id", "_arn",
         listed="Items", plural="DeploymentStrategies", id_form="short"),
]
for _noun in NOUNS:
    _noun.register()
whole_service("rolesanywhere")
whole_service("oam")


def _tags(call: Call, arn: str) -> Any:
    return store(Records, call.account, call.region).by_noun["tags"].get(arn, {}).get("tags", [])


def _tag(call: Call, arn: str, key: str, tags: list[Answer], gone: list[str]) -> None:
    merged = {tag[key]: tag for tag in [*_tags(call, arn), *tags]}
    left = [tag for name, tag in merged.items() if name not in gone]
    store(Records, call.account, call.region).by_noun["tags"][arn] = {"tags": left}


@operation("rolesanywhere", "ListTagsForResource")
def anywhere_tags(call: Call) -> Answer:
    """Roles Anywhere: ListTagsForResource."""
    return {"tags": _tags(call, call.parameters["resourceArn"])}


@operation("rolesanywhere", "TagResource")
def anywhere_tag(call: Call) -> Answer:
    """Roles Anywhere: TagResource."""
    _tag(call, call.parameters["resourceArn"], "key", call.parameters["tags"], [])
    return {}


@operation("rolesanywhere", "UntagResource")
def anywhere_untag(call: Call) -> Answer:
    """Roles Anywhere: UntagResource."""
    _tag(call, call.parameters["resourceArn"], "key", [], call.parameters["tagKeys"])
    return {}


@operation("oam", "ListTagsForResource")
def oam_tags(call: Call) -> Answer:
    """OAM: ListTagsForResource."""
    return {"Tags": _tags(call, call.parameters["ResourceArn"]) or {}}


@operation("oam", "TagResource")
def oam_tag(call: Call) -> Answer:
    """OAM: TagResource."""
    arn = call.parameters["ResourceArn"]
    merged = dict(_tags(call, arn) or {}) | call.parameters["Tags"]
    store(Records, call.account, call.region).by_noun["tags"][arn] = {"tags": merged}
    return {}


@operation("oam", "UntagResource")
def oam_untag(call: Call) -> Answer:
    """OAM: UntagResource."""
    arn = call.parameters["ResourceArn"]
    left = {key: value for key, value in dict(_tags(call, arn) or {}).items() if key not in call.parameters["TagKeys"]}
    store(Records, call.account, call.region).by_noun["tags"][arn] = {"tags": left}
    return {}


def _store_tags(call: Call) -> Answer:
    """ELBv2 AddTags and RemoveTags: those of trust stores here, of all else in moto."""
    rest = [arn for arn in call.parameters["ResourceArns"] if ":truststore/" not in arn]
    for arn in set(call.parameters["ResourceArns"]) - set(rest):
        _tag(call, arn, "Key", call.get("Tags", []), call.get("TagKeys", []))
    return call.inner(None, **{**call.parameters, "ResourceArns": rest}) if rest else {}


for _name in ("AddTags", "RemoveTags"):
    operation("elbv2", _name)(_store_tags)


@operation("elbv2", "DescribeTags")
def describe_tags(call: Call) -> Answer:
    """ELBv2: DescribeTags, trust stores included."""
    rest = [arn for arn in call.parameters["ResourceArns"] if ":truststore/" not in arn]
    told = call.inner(None, ResourceArns=rest)["TagDescriptions"] if rest else []
    return {"TagDescriptions": told + [{"ResourceArn": arn, "Tags": _tags(call, arn)} for arn in
                                       call.parameters["ResourceArns"] if arn not in rest]}


@operation("oam", "PutSinkPolicy")
def put_sink_policy(call: Call) -> Answer:
    """OAM: PutSinkPolicy."""
    table = store(Records, call.account, call.region).by_noun["oam.Sink"]
    for record in table.values():
        if call.parameters["SinkIdentifier"] in (record["Arn"], record["Id"]):
            record["Policy"] = call.parameters["Policy"]
            return {"SinkArn": record["Arn"], "SinkId": record["Id"], "Policy": record["Policy"]}
    raise AwsError("ResourceNotFoundException", "sink not found")


# Source: IAM Roles Anywhere User Guide, "Quotas", CRLs per trust anchor; it cannot be raised.
MOST_CRLS = 2


def _import_crl(call: Call) -> Answer:
    """Roles Anywhere: ImportCrl. The list is PEM, and its trust anchor exists and has not two already (API Reference)."""
    data = call.get("crlData")
    if b"-----BEGIN X509 CRL-----" not in (data if isinstance(data, bytes) else str(data).encode()):
        raise AwsError("ValidationException", "crlData is not a PEM-encoded certificate revocation list")
    records = store(Records, call.account, call.region).by_noun
    anchor = call.get("trustAnchorArn")
    if anchor not in [record["trustAnchorArn"] for record in records["rolesanywhere.TrustAnchor"].values()]:
        raise AwsError("ResourceNotFoundException", f"TrustAnchor {anchor} not found")
    if sum(record["trustAnchorArn"] == anchor for record in records["rolesanywhere.Crl"].values()) >= MOST_CRLS:
        raise AwsError("ValidationException", f"a trust anchor has at most {MOST_CRLS} CRLs")
    return _record_crl(call) if _record_crl else {}


_record_crl = find("rolesanywhere", "ImportCrl")
operation("rolesanywhere", "ImportCrl")(_import_crl)


def _certificates(call: Call) -> int:
    """How many certificates a bundle holds; the bundle must exist."""
    try:
        answer = internal_call(call.account, call.region, "s3", "GetObject", Key=call.get("CaCertificatesBundleS3Key"),
                               Bucket=call.get("CaCertificatesBundleS3Bucket"))
    except AwsError as error:
        raise AwsError("CaCertificatesBundleNotFound", f"The specified CA certificates bundle does not exist "
                       f"({error.code})") from None
    return int(answer["Body"].read().count(b"-----BEGIN CERTIFICATE-----"))


@operation("elbv2", "CreateTrustStore")
def create_trust_store(call: Call) -> Answer:
    """ELBv2: CreateTrustStore."""
    name = call.parameters["Name"]
    place = f"{call.partition}:elasticloadbalancing:{call.region}:{call.account}"
    arn = f"arn:{place}:truststore/{name}/{uuid.uuid4().hex[:16]}"
    record = {"Name": name, "TrustStoreArn": arn, "Status": "ACTIVE",
              "NumberOfCaCertificates": _certificates(call), "TotalRevokedEntries": 0}
    store(Records, call.account, call.region).by_noun["truststore"][arn] = record
    _tag(call, arn, "Key", call.get("Tags", []), [])
    return {"TrustStores": [record]}


@operation("elbv2", "DescribeTrustStores")
def describe_trust_stores(call: Call) -> Answer:
    """ELBv2: DescribeTrustStores."""
    table = store(Records, call.account, call.region).by_noun["truststore"]
    wanted = set(call.get("TrustStoreArns", [])) | set(call.get("Names", []))
    found = [r for r in table.values() if not wanted or wanted & {r["TrustStoreArn"], r["Name"]}]
    if len(found) < len(wanted):
        raise AwsError("TrustStoreNotFound", "trust store not found")
    return {"TrustStores": found}


@operation("elbv2", "ModifyTrustStore")
def modify_trust_store(call: Call) -> Answer:
    """ELBv2: ModifyTrustStore."""
    wanted = Call(call.caller, "elbv2", "", {"TrustStoreArns": [call.parameters["TrustStoreArn"]]})
    answer = describe_trust_stores(wanted)
    answer["TrustStores"][0]["NumberOfCaCertificates"] = _certificates(call)
    return answer


@operation("elbv2", "DeleteTrustStore")
def delete_trust_store(call: Call) -> Answer:
    """ELBv2: DeleteTrustStore."""
    known = store(Records, call.account, call.region).by_noun["truststore"]
    if known.pop(call.parameters["TrustStoreArn"], None) is None:
        raise AwsError("TrustStoreNotFound", "trust store not found")
    return {}


@operation("elbv2", "AddTrustStoreRevocations")
def add_revocations(call: Call) -> Answer:
    """ELBv2: AddTrustStoreRevocations. The lists are PEM objects that exist (API Reference)."""
    table = store(Records, call.account, call.region).by_noun["truststore"]
    if (trust := table.get(call.parameters["TrustStoreArn"])) is None:
        raise AwsError("TrustStoreNotFound", "trust store not found")
    added = []
    for content in call.get("RevocationContents", []):
        try:
            answer = internal_call(call.account, call.region, "s3", "GetObject", Bucket=content["S3Bucket"],
                                   Key=content["S3Key"])
        except AwsError as error:
            raise AwsError("RevocationContentNotFound", f"The specified revocation file does not exist "
                           f"({error.code})") from None
        if b"-----BEGIN X509 CRL-----" not in answer["Body"].read():
            raise AwsError("InvalidRevocationContent", "The provided revocation file is an invalid format")
        lists = trust.setdefault("_revocations", {})
        number = max(lists, default=0) + 1
        lists[number] = {"TrustStoreArn": trust["TrustStoreArn"], "RevocationId": number,
                         "RevocationType": content.get("RevocationType", "CRL"), "NumberOfRevokedEntries": 0}
        added.append(lists[number])
    return {"TrustStoreRevocations": added}


@operation("elbv2", "DescribeTrustStoreRevocations")
def describe_revocations(call: Call) -> Answer:
    """ELBv2: DescribeTrustStoreRevocations."""
    table = store(Records, call.account, call.region).by_noun["truststore"]
    if (trust := table.get(call.parameters["TrustStoreArn"])) is None:
        raise AwsError("TrustStoreNotFound", "trust store not found")
    lists = trust.get("_revocations", {})
    wanted = [int(number) for number in call.get("RevocationIds", [])]
    if missing := set(wanted) - set(lists):
        raise AwsError("RevocationIdNotFound", f"revocation {missing} not found")
    return {"TrustStoreRevocations": [lists[number] for number in wanted or lists]}


@operation("elbv2", "RemoveTrustStoreRevocations")
def remove_revocations(call: Call) -> Answer:
    """ELBv2: RemoveTrustStoreRevocations."""
    describe_revocations(call)
    trust = store(Records, call.account, call.region).by_noun["truststore"][call.parameters["TrustStoreArn"]]
    for number in call.get("RevocationIds", []):
        del trust["_revocations"][int(number)]
    return {}


def _may_deliver(call: Call, bucket: str) -> bool:
    """Whether the load balancers of an account may write their logs to a bucket: it is encrypted with keys of S3, and its
    policy lets the log delivery in. Source: Application Load Balancers guide, "Enable access logs"."""
    try:
        rules = internal_call(call.account, call.region, "s3", "GetBucketEncryption", Bucket=bucket)
        policy = internal_call(call.account, call.region, "s3", "GetBucketPolicy", Bucket=bucket)["Policy"]
    except AwsError:
        return False
    rule = rules["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    delivery = [one for one in json.loads(policy)["Statement"] if one["Effect"] == "Allow" and
                one["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}]
    return rule["SSEAlgorithm"] == "AES256" and any("s3:PutObject" in one["Action"] for one in delivery)


@operation("elbv2", "ModifyLoadBalancerAttributes")
def modify_load_balancer(call: Call) -> Answer:
    """ELBv2: ModifyLoadBalancerAttributes, which tries to write where logs shall go."""
    said = {item["Key"]: item.get("Value", "") for item in call.get("Attributes", [])}
    for log in ("access_logs", "connection_logs"):
        bucket = said.get(f"{log}.s3.bucket", "")
        if said.get(f"{log}.s3.enabled") == "true" and not _may_deliver(call, bucket):
            raise AwsError("InvalidConfigurationRequest",
                           f"Access Denied for bucket: {bucket}. Please check S3bucket permission")
    return call.inner()


def _with_authentication(call: Call) -> Answer:
    answer = call.inner()
    table = store(Records, call.account, call.region).by_noun["authentication"]
    for listener in answer.get("Listeners", []):
        if call.get("MutualAuthentication"):
            table[listener["ListenerArn"]] = call.parameters["MutualAuthentication"]
        if listener["ListenerArn"] in table:
            listener["MutualAuthentication"] = table[listener["ListenerArn"]]
    return answer


for _name in ("CreateListener", "ModifyListener", "DescribeListeners"):
    operation("elbv2", _name)(_with_authentication)


def _composite_tags(call: Call) -> Answer:
    """CloudWatch TagResource, UntagResource and ListTagsForResource: those of composite alarms here, else in moto."""
    arn = call.parameters["ResourceARN"]
    if arn.rsplit(":", 1)[-1] not in composites(call):
        return call.inner()
    if call.operation == "ListTagsForResource":
        return {"Tags": _tags(call, arn)}
    _tag(call, arn, "Key", call.get("Tags", []), call.get("TagKeys", []))
    return {}


for _name in ("TagResource", "UntagResource", "ListTagsForResource"):
    operation("cloudwatch", _name)(_composite_tags)
