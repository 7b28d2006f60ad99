"""AWS's prefix lists have the same ids in every account (`policies/regions.yaml`); moto draws them by lot."""

from __future__ import annotations

import functools
import re
import zlib
from pathlib import Path
from typing import Any

from ..operations import Answer, Call, operation

_TABLE = Path(__file__).resolve().parents[4] / "policies" / "regions.yaml"


@functools.cache
def _known() -> dict[str, str]:
    """S3's prefix list by region."""
    rows = re.findall(r"^  ([a-z0-9-]+): {.*s3_prefix_list: (pl-[0-9a-f]+)", _TABLE.read_text(), re.MULTILINE)
    return dict(rows)


@operation("ec2", "DescribeManagedPrefixLists")
def describe_managed_prefix_lists(call: Call) -> Answer:
    """DescribeManagedPrefixLists."""
    answer = call.inner()
    def named(one: dict[str, Any]) -> dict[str, Any]:
        name = one.get("PrefixListName", "")
        if one.get("OwnerId") != "AWS":
            return one
        own = _known().get(call.region) if name == f"com.amazonaws.{call.region}.s3" else None
        return one | {"PrefixListId": own or f"pl-{zlib.crc32(name.encode()):08x}"}
    return answer | {"PrefixLists": [named(one) for one in answer.get("PrefixLists", [])]}
