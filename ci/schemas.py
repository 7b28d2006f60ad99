"""Write crates/checks/src/schemas/registry.z: what CloudFormation's registry says of each resource type, for `validate`.

    python ci/schemas.py [--check]

The schemas are those of the package `cfn-lint` (MIT-0), which keeps the registry's with their known mistakes corrected; the
version is the one of tests/endpoint/requirements.txt. One schema of a type holds in every Region.

The file: a line of JSON (`source`, `date`, `regions`, and `parts`: the name and length of each), then the parts, each the
zlib stream of the JSON of one service's types. Of a schema only what decides on a template is kept. `regions` of a type is a
mask of the Regions that have it, in hexadecimal, the first Region in the lowest bit.
With --check nothing is written; the exit code is 1 if the file is not what the package gives.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cfnlint
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

TARGET = Path(__file__).resolve().parent.parent / "crates" / "checks" / "src" / "schemas" / "registry.z"
DATA = Path(cfnlint.__file__).parent / "data" / "schemas"
#: Words whose value is a schema, a list of schemas, or schemas by name.
ONE = ("items", "additionalProperties", "not", "if", "then", "else")
LIST = ("oneOf", "anyOf", "allOf", "prefixItems")
NAMED = ("properties", "patternProperties", "definitions", "dependentSchemas")
#: Words that are kept as they are.
PLAIN = (
    "$ref", "type", "required", "enum", "enumCaseInsensitive", "const", "minLength", "maxLength", "minimum",
    "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
    "minProperties", "maxProperties", "dependentRequired", "dependentExcluded", "requiredXor", "requiredOr",
)


#: What the services ask for beside the registry. Source: Amazon CloudWatch API Reference, PutMetricAlarm.
CORRECTIONS = {
    "AWS::CloudWatch::Alarm": {
        "dependentRequired": {name: ["ComparisonOperator", "EvaluationPeriods"] for name in ("MetricName", "Metrics")},
    },
}


def expression(pattern: str) -> str:
    """An expression as the tool's engine reads it; the registry has those of Java, JavaScript and Python."""
    pattern = pattern.replace("\\Z", "\\z")
    pattern = re.sub(r"\\uD800(\\uDBFF-\\uDC00|\\uDC00-\\uDBFF)\\uDFFF", r"\\x{10000}-\\x{10FFFF}", pattern)
    # A dash behind a class of characters is a dash.
    pattern = re.sub(r"(\\[wsd]|\\p\{\w+\})-(?!\])", r"\1\\-", pattern)
    pattern = re.sub(r"(\(\?![^()]*\))\+", r"\1", pattern)
    out, inside, at = "", False, 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            pair = pattern[at : at + 2]
            # Words and digits of these languages are those of ASCII.
            plain = {"\\w": "A-Za-z0-9_", "\\d": "0-9"}.get(pair)
            out += (plain if inside else f"[{plain}]") if plain else pair
            at += 2
            continue
        if inside and char == "[":
            out += "\\["
        else:
            out += char
            inside = char == "[" or inside and char != "]"
            # A bracket at the start of a class is one of its characters.
            if char == "[" and pattern[at + 1 : at + 2] == "]":
                out += "\\]"
                at += 1
        at += 1
    return out.replace("\\p{Print}", "[\\x20-\\x7E]").replace("\\p{Graph}", "[\\x21-\\x7E]")


def kept(schema: Any) -> Any:
    """A schema without what says nothing about a template."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for word, value in schema.items():
        if word == "pattern":
            out[word] = expression(value)
        elif word in PLAIN:
            out[word] = value
        elif word in ONE:
            out[word] = kept(value)
        elif word in LIST:
            out[word] = [kept(one) for one in value]
        elif word in NAMED:
            names = ((expression(name) if word == "patternProperties" else name, one) for name, one in value.items())
            out[word] = {name: kept(one) for name, one in names}
        elif word == "dependencies":
            lists = {name: one for name, one in value.items() if isinstance(one, list)}
            schemas = {name: kept(one) for name, one in value.items() if isinstance(one, dict)}
            if lists:
                out.setdefault("dependentRequired", {}).update(lists)
            if schemas:
                out["dependentSchemas"] = schemas
        elif word == "format" and value == "json":
            out[word] = value
    return out


def of_type(name: str, region: str, mask: int) -> dict[str, Any]:
    """What is kept of a type: its schema, and what `Fn::GetAtt` gives."""
    told = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, name)
    out = {"typeName": name, **kept(told.schema), **CORRECTIONS.get(name, {})}
    out["attributes"] = sorted(key.replace("\\..*", ".*").replace("\\.", ".") for key in told.get_atts.data)
    out["readOnly"] = sorted(pointer.removeprefix("/properties/") for pointer in told.schema.get("readOnlyProperties", []))
    out["regions"] = f"{mask:x}"
    return out


def content() -> bytes:
    """The whole file."""
    lists = {path.stem: json.loads(path.read_text()) for path in sorted(DATA.glob("providers/*.json")) if path.stem != "sam"}
    # Of some Regions the package has no list of their own, and takes the longest.
    longest = lists["us-east-1"]
    regions = [name for name, types in lists.items() if name == "us-east-1" or types != longest]
    names = sorted({name for region in regions for name in lists[region]})
    services: dict[str, dict[str, Any]] = {}
    for name in names:
        having = [region for region in regions if name in lists[region]]
        mask = sum(1 << regions.index(region) for region in having)
        services.setdefault("::".join(name.split("::")[:2]), {})[name] = of_type(name, having[0], mask)
    parts = {
        service: zlib.compress(json.dumps(types, separators=(",", ":"), sort_keys=True).encode(), 9)
        for service, types in services.items()
    }
    head = {
        "source": f"CloudFormation registry schemas, as corrected by cfn-lint {version('cfn-lint')}",
        "date": json.loads((DATA / "version.json").read_text())["schema_date"],
        "regions": regions,
        "parts": [[service, len(part)] for service, part in parts.items()],
    }
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + b"".join(parts.values())


def unpacked(file: bytes) -> tuple[Any, bytes]:
    """What a file says, whichever version of zlib packed it."""
    line, rest = file.split(b"\n", 1)
    head = json.loads(line)
    at, text = 0, b""
    for _, length in head["parts"]:
        text += zlib.decompress(rest[at : at + length])
        at += length
    return {**head, "parts": [service for service, _ in head["parts"]]}, text


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    made = content()
    if parser.parse_args().check:
        same = unpacked(made) == unpacked(TARGET.read_bytes())
        print("unchanged" if same else f"{TARGET.name} is out of date")
        return 0 if same else 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(made)
    print(f"{TARGET.name}: {len(made)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
