"""What CloudFormation's resource schemas say: which types exist, what replaces a resource, which properties are lists.

The schemas are AWS's own ("CloudFormation resource provider schemas"), in the form that cfn-lint ships.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Schema:
    """One resource type."""

    name: str
    document: dict[str, Any]

    def _top(self, key: str) -> frozenset[str]:
        return frozenset(path.split("/")[2] for path in self.document.get(key) or [])

    @property
    def create_only(self) -> frozenset[str]:
        """Properties whose change replaces the resource."""
        return frozenset(
            path.split("/")[2] for path in self.document.get("createOnlyProperties") or [] if len(path.split("/")) == 3
        )

    @property
    def create_only_paths(self) -> frozenset[tuple[str, ...]]:
        """Deeper paths whose change replaces the resource."""
        return frozenset(
            tuple(path.split("/")[2:]) for path in self.document.get("createOnlyProperties") or []
            if len(path.split("/")) > 3
        )

    @property
    def conditional(self) -> frozenset[str]:
        """Properties whose change may replace the resource."""
        return self._top("conditionalCreateOnlyProperties")

    @property
    def read_only(self) -> frozenset[str]:
        """Properties that only the service sets."""
        paths = (path.split("/") for path in self.document.get("readOnlyProperties") or [])
        return frozenset(parts[2] for parts in paths if len(parts) == 3)

    @property
    def write_only(self) -> frozenset[str]:
        """Paths (joined with `/`) that the service never tells again."""
        return frozenset("/".join(path.split("/")[2:]) for path in self.document.get("writeOnlyProperties") or [])

    @property
    def identifier(self) -> list[str]:
        """The properties that name the resource."""
        return [path.split("/")[2] for path in self.document.get("primaryIdentifier") or []]

    @property
    def properties(self) -> dict[str, Any]:
        """The declared properties."""
        return dict(self.document.get("properties") or {})

    @property
    def required(self) -> list[str]:
        """The properties that must be given."""
        return list(self.document.get("required") or [])

    @property
    def tag_property(self) -> str | None:
        """The property that holds the tags, if the type can be tagged."""
        tagging = self.document.get("tagging") or {}
        if not tagging.get("taggable", False):
            return None
        return str(tagging.get("tagProperty", "/properties/Tags")).split("/")[2]

    @property
    def system_tags(self) -> bool:
        """Whether CloudFormation adds its own `aws:cloudformation:` tags."""
        return bool((self.document.get("tagging") or {}).get("cloudFormationSystemTags", True))


@lru_cache(maxsize=None)
def _index(region: str) -> dict[str, str]:
    folder = files("cfnlint") / "data" / "schemas" / "providers"
    path = folder / f"{region}.json"
    if not path.is_file():
        path = folder / "us-east-1.json"
    return dict(json.loads(path.read_text()))


@lru_cache(maxsize=None)
def _document(digest: str) -> dict[str, Any]:
    return dict(json.loads((files("cfnlint") / "data" / "schemas" / "resources" / f"{digest}.json").read_text()))


@lru_cache(maxsize=None)
def schema(name: str, region: str) -> Schema | None:
    """The schema of a type as its region has it; None when the type does not exist there."""
    digest = _index(region).get(name)
    return Schema(name, _document(digest)) if digest else None


def _resolve(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].lstrip("#/").split("/"):
            found = found.get(step, {})
        part = found
    return part


def coerce(name: str, region: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Properties with scalars turned into the type that the schema declares, as CloudFormation does ("300" → 300)."""
    found = schema(name, region)
    if found is None:
        return properties
    return {key: _coerce(found.document, found.properties.get(key, {}), value) for key, value in properties.items()}


def _coerce(document: dict[str, Any], part: Any, value: Any) -> Any:
    if not isinstance(part, dict):
        return value
    part = _resolve(document, part)
    kind = part.get("type")
    if isinstance(value, dict):
        members = part.get("properties") or {}
        if not members:
            return value
        return {key: _coerce(document, members.get(key, {}), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_coerce(document, part.get("items", {}), inner) for inner in value]
    if kind == "integer" and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind == "number" and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "string" and isinstance(value, (int, float)):
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return value


def unordered(name: str, region: str, key: str) -> bool:
    """Whether the order of a top-level list property means nothing."""
    found = schema(name, region)
    part = _resolve(found.document, found.properties.get(key, {})) if found else {}
    return part.get("insertionOrder") is False or bool(part.get("uniqueItems"))
