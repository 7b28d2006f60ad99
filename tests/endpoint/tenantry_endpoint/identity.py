"""IAM: whether a role may do something ("Policy evaluation logic" of the IAM User Guide, for one account).

An explicit Deny of the role's policies or of its permissions boundary wins; else both must allow it, the boundary only
where there is one. Resource policies, session policies and service control policies are not evaluated. Conditions are
those of "IAM JSON policy elements: Condition operators"; an operator that is not known here denies.
"""

from __future__ import annotations

import fnmatch
import json
import re
from functools import lru_cache
from typing import Any, Iterable, Mapping

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from .errors import AwsError
from .state import on_reset

Context = Mapping[str, Any]

#: AWS Organizations makes this role in every account that it creates; it may do everything.
ADMINISTRATOR = "OrganizationAccountAccessRole"

_enforced = False

#: Access key of a session → its tags, of sessions that a service has opened with tags.
_session_tags: dict[str, dict[str, str]] = {}
on_reset(_session_tags.clear)


def enforce(wanted: bool) -> None:
    """Switch enforcement on or off (`--enforce-iam`)."""
    global _enforced
    _enforced = wanted


def is_enforced() -> bool:
    """Whether policies are enforced."""
    return _enforced


class Denied(AwsError):
    """An action that no policy allows, or that one denies."""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@lru_cache(maxsize=65536)
def _like(pattern: str, text: str) -> bool:
    """`*` and `?` of a policy; brackets are plain characters."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


@lru_cache(maxsize=65536)
def _like_action(pattern: str, action: str) -> bool:
    """As `_like`, whatever the case."""
    return _like(pattern.lower(), action.lower())


def _substituted(pattern: str, context: Context) -> str:
    """A pattern with its policy variables."""
    if "${" not in pattern:
        return pattern
    return re.sub(r"\$\{([^}*]+)\}", lambda found: str(context.get(found[1], "")), pattern)


def _action(patterns: Any, action: str) -> bool:
    return any(_like_action(str(pattern), action) for pattern in _list(patterns))


def _resource(patterns: Any, resource: str, context: Context) -> bool:
    return any(_like(_substituted(str(pattern), context), resource) for pattern in _list(patterns))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _arn_like(pattern: str, text: str) -> bool:
    ours, theirs = pattern.split(":", 5), text.split(":", 5)
    return len(ours) == len(theirs) == 6 and all(_like(a, b) for a, b in zip(ours, theirs))


#: Operator → whether one value of the policy fits one of the request. Those that negate are told apart by their name.
_TESTS = {
    "StringEquals": lambda policy, told: policy == told,
    "StringNotEquals": lambda policy, told: policy == told,
    "StringEqualsIgnoreCase": lambda policy, told: policy.lower() == told.lower(),
    "StringLike": lambda policy, told: _like(policy, told),
    "StringNotLike": lambda policy, told: _like(policy, told),
    "ArnEquals": _arn_like, "ArnLike": _arn_like, "ArnNotEquals": _arn_like, "ArnNotLike": _arn_like,
    "Bool": lambda policy, told: policy.lower() == told.lower(),
    "NumericEquals": lambda policy, told: float(policy) == float(told),
    "NumericLessThan": lambda policy, told: float(told) < float(policy),
    "NumericLessThanEquals": lambda policy, told: float(told) <= float(policy),
    "NumericGreaterThan": lambda policy, told: float(told) > float(policy),
    "NumericGreaterThanEquals": lambda policy, told: float(told) >= float(policy),
}


def _holds(operator: str, key: str, wanted: Any, context: Context) -> bool:
    told = next((value for name, value in context.items() if name.lower() == key.lower()), None)
    every, name = None, operator
    if ":" in operator:
        every, name = operator.split(":", 1)
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if name == "Null":
        return any((_text(value) == "true") == (told is None) for value in _list(wanted))
    test = _TESTS.get(name)
    if test is None:
        return False
    negates = "Not" in name
    if told is None:
        return if_exists or negates or every == "ForAllValues"
    patterns = [_substituted(_text(value), context) for value in _list(wanted)]
    fits = [any(test(pattern, _text(value)) for pattern in patterns) != negates for value in _list(told)]
    return all(fits) if every == "ForAllValues" or (every is None and negates) else any(fits)


def _applies(statement: dict[str, Any], action: str, resource: str, context: Context) -> bool:
    acts = (_action(statement["Action"], action) if "Action" in statement
            else not _action(statement.get("NotAction"), action))
    if not acts:
        return False
    on = (_resource(statement["Resource"], resource, context) if "Resource" in statement
          else not _resource(statement.get("NotResource"), resource, context))
    conditions = (statement.get("Condition") or {}).items()
    return on and all(_holds(operator, key, wanted, context)
                      for operator, keys in conditions for key, wanted in keys.items())


def decide(documents: Iterable[Any], action: str, resource: str, context: Context) -> bool | None:
    """What policies say: True allowed, False denied explicitly, None nothing."""
    allowed: bool | None = None
    for document in documents:
        for statement in _list(document.get("Statement")):
            if _applies(statement, action, resource, context):
                if statement["Effect"] == "Deny":
                    return False
                allowed = True
    return allowed


class Role:
    """A role with its policies, as IAM has them now."""

    def __init__(self, arn: str) -> None:
        account = arn.split(":")[4]
        self.arn, self.name = arn, arn.rsplit("/", 1)[-1]
        self.account, self.partition = account, arn.split(":")[1]
        backend = iam_backends[account][self.partition]
        found = next((role for role in list(backend.roles.values()) if role.arn == arn), None)
        if found is None:
            raise AwsError("ValidationError", f"Role {arn} is invalid or cannot be assumed")
        self.trust = _document(found.assume_role_policy_document)
        inline = [_document(text) for text in list(found.policies.values())]
        attached = [_managed(policy) for policy in list(found.managed_policies.values())]
        self.policies = inline + attached
        self.tags: dict[str, str] = {}
        self.boundary: list[Any] | None = None
        if found.permissions_boundary_arn:
            boundary = backend.managed_policies.get(found.permissions_boundary_arn)
            self.boundary = [_managed(boundary)] if boundary else []

    def may(self, action: str, resource: str, context: Context) -> bool | None:
        """True allowed, False denied explicitly, None not allowed."""
        own = decide(self.policies, action, resource, context)
        if self.boundary is None or own is False:
            return own
        bound = decide(self.boundary, action, resource, context)
        return False if bound is False else True if own and bound else None

    def need(self, action: str, resources: list[str], context: Context, session: str = "AWSCloudFormation") -> None:
        """Raise the service's own error unless the action is allowed on one of some resources and denied on none."""
        answers = [self.may(action, resource, context) for resource in resources]
        if True in answers and False not in answers:
            return
        who = f"arn:{self.partition}:sts::{self.account}:assumed-role/{self.name}/{session}"
        why = ("with an explicit deny in an identity-based policy" if False in answers
               else f"because no identity-based policy allows the {action} action")
        raise Denied("AccessDenied", f"User: {who} is not authorized to perform: {action} on resource: {resources[0]} {why}")

    def trusts(self, service: str) -> bool:
        """Whether a service may assume the role; conditions on where the call comes from count as told."""
        return any(statement["Effect"] == "Allow" and service in _list((statement.get("Principal") or {}).get("Service"))
                   for statement in _list(self.trust.get("Statement")))

    def services(self) -> list[str]:
        """The services that may assume the role."""
        return [service for statement in _list(self.trust.get("Statement")) if isinstance(statement.get("Principal"), dict)
                for service in _list(statement["Principal"].get("Service"))]


def _managed(policy: Any) -> dict[str, Any]:
    """The default version of a managed policy."""
    return next(_document(one.document) for one in policy.versions if one.version_id == policy.default_version_id)


def _document(text: Any) -> dict[str, Any]:
    return text if isinstance(text, dict) else _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> dict[str, Any]:
    """A document; it is read and never changed, so that every call of a role shares it."""
    return dict(json.loads(text))


def caller(account: str, region: str, access_key: str) -> Role | None:
    """The role whose session an access key belongs to; None for credentials of no role, which may do everything."""
    for partition in {get_partition(region), "aws", "global"}:
        session = sts_backends[account][partition].get_assumed_role_from_access_key(access_key)
        if session is not None:
            if session.role_arn.endswith(f"/{ADMINISTRATOR}"):
                return None
            role = Role(session.role_arn)
            role.tags = _session_tags.get(access_key, {})
            return role
    return None


def tag_session(access_key: str, tags: Mapping[str, str]) -> None:
    """Give a session tags, which policies see as `aws:PrincipalTag/KEY`."""
    _session_tags[access_key] = {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}
