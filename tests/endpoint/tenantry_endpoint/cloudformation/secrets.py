"""Dynamic references to secrets: `{{resolve:secretsmanager:ID:SecretString:KEY}}`.

In: properties as their stack remembers them, with the references in them. Out: the same with the secrets' values, for the
handler alone: no change set, event or drift shows one. They are read as the role of the stack ("Get a secret or secret value
from Secrets Manager", CloudFormation User Guide).
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import AwsError
from ..identity import Role, is_enforced
from .resources.kind import Place

_REFERENCE = re.compile(r"\{\{resolve:secretsmanager:((?:arn:(?:[^:}]*:){5})?[^:}]+)"
                        r"(?::SecretString(?::([^:}]*))?(?::[^:}]*)?(?::[^:}]*)?)?\}\}")


def _value(role: str | None, place: Place, ident: str, key: str | None) -> str:
    arn = ident if ident.startswith("arn:") else (
        f"arn:{place.partition}:secretsmanager:{place.region}:{place.account}:secret:{ident}")
    if role and is_enforced():
        Role(role).need("secretsmanager:GetSecretValue", [arn], {"aws:PrincipalAccount": place.account})
    text = str(place.call("secretsmanager", "GetSecretValue", SecretId=ident)["SecretString"])
    if not key:
        return text
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError):
        raise AwsError("ValidationError", f"Could not find a value associated with JSONKey in SecretString: {key}") from None


def reveal(role: str | None, place: Place, value: Any) -> Any:
    """A part of resolved properties with the values of the secrets that it refers to."""
    if isinstance(value, dict):
        return {key: reveal(role, place, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [reveal(role, place, inner) for inner in value]
    if isinstance(value, str) and "{{resolve:secretsmanager:" in value:
        return _REFERENCE.sub(lambda found: _value(role, place, found[1], found[2]), value)
    return value
