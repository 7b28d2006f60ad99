"""The tables of `policies/`, which the tool and the endpoint share, each read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

POLICIES = Path(__file__).resolve().parents[3] / "policies"
#: The C library's, where PyYAML was built with it: ten times as fast.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def read(path: Path) -> Any:
    """The contents of a YAML file; they are shared: do not change them."""
    return yaml.load(path.read_text(), Loader=LOADER)


def resource_types() -> dict[str, Any]:
    """The rows of the table of resource types, by type."""
    return dict(read(POLICIES / "resources.yaml")["types"])


def quotas() -> list[dict[str, Any]]:
    """The rows of the table of quotas."""
    return list(read(POLICIES / "quotas.yaml")["quotas"])
