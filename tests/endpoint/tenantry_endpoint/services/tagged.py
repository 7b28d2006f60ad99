"""Resource Groups Tagging API GetResources in pages that survive changes between them: moto's are open iterators over
its own dictionaries."""

from __future__ import annotations

from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends

from ..operations import Answer, Call, operation

_ALL = 10**9


@operation("resourcegroupstaggingapi", "GetResources")
def get_resources(call: Call) -> Answer:
    """What bears the tags, by ARN; a page begins after the ARN that is its token."""
    backend = resourcegroupstaggingapi_backends[call.account][call.region]
    _, found = backend.get_resources(
        resources_per_page=_ALL, tags_per_page=_ALL, tag_filters=call.get("TagFilters"),
        resource_type_filters=call.get("ResourceTypeFilters"),
    )
    after, most = call.get("PaginationToken", ""), int(call.get("ResourcesPerPage", 50))
    rows = sorted((one for one in found if one.arn > after), key=lambda one: str(one.arn))
    page = [
        {"ResourceARN": one.arn, "Tags": [{"Key": key, "Value": value} for key, value in one.tags.items()]}
        for one in rows[:most]
    ]
    return {"ResourceTagMappingList": page, "PaginationToken": rows[most - 1].arn if len(rows) > most else ""}
