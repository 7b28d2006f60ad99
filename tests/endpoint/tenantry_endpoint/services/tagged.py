"""Resource Groups Tagging API GetResources in pages that survive changes between them: moto's are open iterators over
its own dictionaries. Search domains, which moto leaves out, are listed as well."""

from __future__ import annotations

from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends

from ..internal import call as ask
from ..operations import Answer, Call, operation
from ..state import MOTO

_ALL = 10**9


def _domains(call: Call) -> list[tuple[str, dict[str, str]]]:
    """The search domains that have every tag that the call asks for, with all their tags."""
    if call.get("ResourceTypeFilters"):
        return []
    found = []
    for one in ask(call.account, call.region, "opensearch", "ListDomainNames")["DomainNames"]:
        arn = f"arn:{call.partition}:es:{call.region}:{call.account}:domain/{one['DomainName']}"
        told = ask(call.account, call.region, "opensearch", "ListTags", ARN=arn)["TagList"]
        tags = {tag["Key"]: tag["Value"] for tag in told}
        if all(wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
               for wanted in call.get("TagFilters", [])):
            found.append((arn, tags))
    return found


@operation("resourcegroupstaggingapi", "GetResources")
def get_resources(call: Call) -> Answer:
    """What bears the tags, by ARN; a page begins after the ARN that is its token."""
    backend = resourcegroupstaggingapi_backends[call.account][call.region]
    with MOTO:
        _, found = backend.get_resources(
            resources_per_page=_ALL, tags_per_page=_ALL, tag_filters=call.get("TagFilters"),
            resource_type_filters=call.get("ResourceTypeFilters"),
        )
    after, most = call.get("PaginationToken", ""), int(call.get("ResourcesPerPage", 50))
    every = dict(_domains(call)) | {str(one.arn): dict(one.tags) for one in found}
    rows = sorted((arn, tags) for arn, tags in every.items() if arn > after)
    page = [{"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            for arn, tags in rows[:most]]
    return {"ResourceTagMappingList": page, "PaginationToken": rows[most - 1][0] if len(rows) > most else ""}
