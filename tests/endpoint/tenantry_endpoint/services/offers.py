"""What regions offer: CloudFormation ListTypes, OpenSearch ListInstanceTypeDetails (each service's API reference).

Search types are had in every zone of the region but those that `/_tenantry/offers` took away.
"""

from __future__ import annotations

from typing import Any

from ..cloudformation.resources import KINDS
from ..internal import call as internal_call
from ..operations import Answer, Call, operation
from ..state import store

SEARCH_TYPES = [
    f"{family}.{size}.search" for family in ("m6g", "r6g", "c6g") for size in ("large", "xlarge", "2xlarge", "4xlarge")
] + ["t3.small.search", "t3.medium.search"]


class Missing:
    """Zones (by id) without a type, of one account and region."""

    def __init__(self) -> None:
        self.zones: dict[str, list[str]] = {}


def take_away(document: dict[str, Any]) -> None:
    """Let a type be missing in zones: `{"account": …, "region": …, "type": …, "zones": [id]}`."""
    store(Missing, document["account"], document["region"]).zones[document["type"]] = document["zones"]


@operation("cloudformation", "ListTypes")
def list_types(call: Call) -> Answer:
    """The types that stacks of this endpoint can hold, a hundred a page."""
    names, start = sorted(KINDS), int(call.get("NextToken") or 0)
    page = names[start:start + min(int(call.get("MaxResults") or 100), 100)]
    answer: Answer = {"TypeSummaries": [{"Type": "RESOURCE", "TypeName": name} for name in page]}
    if start + len(page) < len(names):
        answer["NextToken"] = str(start + len(page))
    return answer


@operation("opensearch", "ListInstanceTypeDetails")
def list_instance_type_details(call: Call) -> Answer:
    """Types of nodes with the names of their zones."""
    zones = internal_call(call.account, call.region, "ec2", "DescribeAvailabilityZones")["AvailabilityZones"]
    missing = store(Missing, call.account, call.region).zones
    def detail(kind: str) -> Answer:
        had = [zone["ZoneName"] for zone in zones if zone["ZoneId"] not in missing.get(kind, [])]
        answer: Answer = {"InstanceType": kind, "EncryptionEnabled": True, "InstanceRole": ["Data", "Master"]}
        return answer | ({"AvailabilityZones": had} if call.get("RetrieveAZs", call.get("retrieveAZs")) else {})
    return {"InstanceTypeDetails": [detail(kind) for kind in SEARCH_TYPES]}
