"""Templates: text to dict, and the meaning of intrinsic functions ("Intrinsic function reference", CloudFormation
Template Reference Guide). Knows nothing of stacks' states or of any service."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

import yaml

from ..errors import AwsError
from ..tables import LOADER

#: What a change set shows for a value that is only known once the change has been made.
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform",
    "Resources", "Outputs", "Hooks",
}
RESOURCE_KEYS = {
    "Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy",
    "CreationPolicy", "UpdatePolicy",
}
DELETION_POLICIES = {"Delete", "Retain", "Snapshot", "RetainExceptOnCreate"}


class _Loader(LOADER):  # type: ignore[misc]
    """YAML 1.1 as CloudFormation reads it: short function tags, no timestamps."""


def _tag(loader: Any, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _tag)
_Loader.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for key, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def invalid(message: str) -> AwsError:
    """The error for a template or parameters that cannot be accepted."""
    return AwsError("ValidationError", message)


def parse(body: str) -> dict[str, Any]:
    """The template in a body, JSON or YAML; raises `ValidationError` with the service's wording."""
    try:
        document = json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, Loader=_Loader)
    except (ValueError, yaml.YAMLError) as error:
        form = "JSON" if body.lstrip().startswith("{") else "YAML"
        said = str(error).splitlines()[0]
        raise invalid(f"Template format error: {form} not well-formed. ({said})") from None
    if not isinstance(document, dict):
        raise invalid("Template format error: unsupported structure.")
    check(document)
    return document


def check(document: dict[str, Any]) -> None:
    """Refuse what the service refuses before it makes anything."""
    unknown = sorted(set(document) - SECTIONS)
    if unknown:
        raise invalid(f"Invalid template property or properties [{', '.join(unknown)}]")
    resources = document.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise invalid("Template format error: At least one Resources member must be defined.")
    if len(resources) > 500:
        raise invalid(f"Template format error: Number of resources, {len(resources)}, is greater than maximum "
                      f"allowed, 500")
    for section, most in (("Outputs", 200), ("Parameters", 200), ("Mappings", 200)):
        if len(document.get(section) or {}) > most:
            raise invalid(f"Template format error: Number of {section.lower()}, {len(document[section])}, is greater "
                          f"than maximum allowed, {most}")
    for name, resource in resources.items():
        if not re.fullmatch(r"[A-Za-z0-9]{1,255}", str(name)):
            raise invalid(f"Template format error: Resource name {name} is non alphanumeric.")
        if not isinstance(resource, dict) or "Type" not in resource:
            raise invalid(f"Template format error: [/Resources/{name}] Every Resources object must contain a Type "
                          f"member.")
        extra = sorted(set(resource) - RESOURCE_KEYS)
        if extra:
            raise invalid(f"Invalid template resource property '{extra[0]}'")
        for key in ("DeletionPolicy", "UpdateReplacePolicy"):
            if isinstance(resource.get(key), str) and resource[key] not in DELETION_POLICIES:
                raise invalid(f"Template error: Unrecognized {key} {resource[key]} for resource {name}")
    known = set(resources) | set(document.get("Parameters") or {})
    unresolved = sorted({name for resource in resources.values() for name in references(resource) if name not in known})
    outputs = (document.get("Outputs") or {}).values()
    unresolved += sorted({name for output in outputs for name in references(output) if name not in known})
    if unresolved:
        raise invalid(f"Template format error: Unresolved resource dependencies [{', '.join(unresolved)}] in the "
                      f"Resources block of the template")
    order(resources)


def references(value: Any) -> Iterator[str]:
    """Every logical id (of resources or parameters) that a part of a template refers to, `DependsOn` included."""
    if isinstance(value, dict):
        if set(value) == {"Ref"} and isinstance(value["Ref"], str):
            if not value["Ref"].startswith("AWS::"):
                yield value["Ref"]
            return
        if set(value) == {"Fn::GetAtt"}:
            target = value["Fn::GetAtt"]
            yield target.split(".", 1)[0] if isinstance(target, str) else target[0]
            return
        if set(value) == {"Fn::Sub"}:
            text, names = _sub_parts(value["Fn::Sub"])
            for name in re.findall(r"\$\{([^!}][^}]*)\}", text):
                if name.split(".", 1)[0] not in names and not name.startswith("AWS::"):
                    yield name.strip().split(".", 1)[0]
            yield from references(names)
            return
        for key, inner in value.items():
            if key == "DependsOn" and "Type" in value:
                yield from [inner] if isinstance(inner, str) else inner
            elif key != "Metadata":
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def _sub_parts(argument: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(argument, list):
        return str(argument[0]), dict(argument[1])
    return str(argument), {}


def order(resources: dict[str, Any]) -> list[str]:
    """Logical ids so that each comes after what it depends on; raises for a circle."""
    needs = {name: {other for other in references(resource) if other in resources and other != name}
             for name, resource in resources.items()}
    done: dict[str, None] = {}
    waiting = list(resources)
    while waiting:
        ready = [name for name in waiting if needs[name] <= done.keys()]
        if not ready:
            raise invalid(f"Circular dependency between resources: [{', '.join(sorted(waiting))}]")
        done.update(dict.fromkeys(ready))
        waiting = [name for name in waiting if name not in done]
    return list(done)


class Unresolved(Exception):
    """A reference to something that has no value yet."""


@dataclass
class Resolver:
    """The values that references stand for in one stack at one moment."""

    template: dict[str, Any]
    parameters: dict[str, Any]
    pseudo: dict[str, Any]
    reference: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    zones: Callable[[str], list[str]]
    exported: Callable[[str], str] = lambda name: ""
    dynamic: Callable[[str, str], str] = lambda service, key: ""
    _conditions: dict[str, bool] = field(default_factory=dict)

    def condition(self, name: str) -> bool:
        """The truth of a condition by name."""
        if name not in self._conditions:
            conditions = self.template.get("Conditions") or {}
            if name not in conditions:
                raise invalid(f"Template format error: Unresolved condition dependency {name} in the Conditions block "
                              f"of the template")
            self._conditions[name] = self._truth(conditions[name])
        return self._conditions[name]

    def _truth(self, value: Any) -> bool:
        if isinstance(value, dict) and len(value) == 1:
            (name, argument), = value.items()
            if name == "Condition":
                return self.condition(argument)
            if name == "Fn::And":
                return all(self._truth(item) for item in argument)
            if name == "Fn::Or":
                return any(self._truth(item) for item in argument)
            if name == "Fn::Not":
                return not self._truth(argument[0])
            if name == "Fn::Equals":
                return bool(_text(self.resolve(argument[0])) == _text(self.resolve(argument[1])))
        return bool(value)

    def wanted(self, resource: dict[str, Any]) -> bool:
        """Whether a resource's or output's own condition lets it exist."""
        return "Condition" not in resource or self.condition(resource["Condition"])

    def resolve(self, value: Any) -> Any:
        """A part of the template with every function replaced by its value; `AWS::NoValue` members vanish."""
        if isinstance(value, list):
            return [item for item in (self.resolve(inner) for inner in value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return self._dynamic(value) if isinstance(value, str) and "{{resolve:" in value else value
        if len(value) == 1:
            (name, argument), = value.items()
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument)
        resolved = {key: self.resolve(inner) for key, inner in value.items()}
        return {key: inner for key, inner in resolved.items() if inner is not NO_VALUE}

    def _dynamic(self, text: str) -> str:
        return re.sub(r"\{\{resolve:([a-z-]+):([^}]+)\}\}", lambda match: self.dynamic(match[1], match[2]), text)

    def lookup(self, name: str) -> Any:
        """What `Ref` means for a name."""
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.reference(name)


class _NoValue:
    """The mark of `AWS::NoValue`."""


NO_VALUE: Any = _NoValue()


def _text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else str(value)


def _get_att(resolver: Resolver, argument: Any) -> Any:
    if isinstance(argument, str):
        name, attribute = argument.split(".", 1)
    else:
        name, attribute = argument[0], resolver.resolve(argument[1])
    return resolver.attribute(name, attribute)


def _sub(resolver: Resolver, argument: Any) -> Any:
    text, names = _sub_parts(argument)
    given = {name: resolver.resolve(value) for name, value in names.items()}

    def replace(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        if name in given:
            return _text(given[name])
        if "." in name and not name.startswith("AWS::"):
            return _text(resolver.attribute(*name.split(".", 1)))
        return _text(resolver.lookup(name))

    return resolver.resolve(re.sub(r"\$\{([^}]+)\}", replace, text))


def _join(resolver: Resolver, argument: Any) -> str:
    return str(argument[0]).join(_text(item) for item in resolver.resolve(argument[1]))


def _if(resolver: Resolver, argument: Any) -> Any:
    return resolver.resolve(argument[1] if resolver.condition(argument[0]) else argument[2])


def _select(resolver: Resolver, argument: Any) -> Any:
    index, items = int(resolver.resolve(argument[0])), resolver.resolve(argument[1])
    if isinstance(items, str):
        return UNKNOWN
    if index >= len(items):
        raise invalid("Template error: Fn::Select cannot select nonexistent value at index " + str(index))
    return items[index]


def _find_in_map(resolver: Resolver, argument: Any) -> Any:
    name, top, second = (resolver.resolve(item) for item in argument[:3])
    try:
        return resolver.template["Mappings"][name][top][str(second)]
    except KeyError:
        raise invalid(f"Template error: Unable to get mapping for {name}::{top}::{second}") from None


def _cidr(resolver: Resolver, argument: Any) -> Any:
    block, count, bits = (resolver.resolve(part) for part in argument[:3])
    count, bits = int(count), int(bits)
    if block == UNKNOWN:
        return [UNKNOWN] * count
    subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - bits)
    return [str(subnet) for subnet, _ in zip(subnets, range(count))]


_FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Ref": lambda resolver, name: resolver.lookup(name),
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::If": _if,
    "Fn::Select": _select,
    "Fn::FindInMap": _find_in_map,
    "Fn::Cidr": _cidr,
    "Fn::Split": lambda resolver, argument: str(resolver.resolve(argument[1])).split(argument[0]),
    "Fn::Base64": lambda resolver, argument: base64.b64encode(str(resolver.resolve(argument)).encode()).decode(),
    "Fn::GetAZs": lambda resolver, argument: resolver.zones(str(resolver.resolve(argument) or "")),
    "Fn::ImportValue": lambda resolver, argument: resolver.exported(str(resolver.resolve(argument))),
    "Fn::ToJsonString": lambda resolver, argument: json.dumps(resolver.resolve(argument), separators=(",", ":")),
    "Fn::Length": lambda resolver, argument: len(resolver.resolve(argument)),
}


def parameter_values(template: dict[str, Any], given: list[dict[str, Any]], previous: dict[str, Any]) -> dict[str, Any]:
    """The value of each declared parameter from what was given, what the stack had, and the defaults."""
    declared = template.get("Parameters") or {}
    by_name = {item["ParameterKey"]: item for item in given}
    unknown = sorted(set(by_name) - set(declared))
    if unknown:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values: dict[str, Any] = {}
    missing = []
    for name, declaration in declared.items():
        item = by_name.get(name, {})
        if item.get("UsePreviousValue") and name in previous:
            value: Any = previous[name]
        elif "ParameterValue" in item:
            value = item["ParameterValue"]
        elif "Default" in declaration:
            value = declaration["Default"]
        else:
            missing.append(name)
            continue
        kind = str(declaration.get("Type", "String"))
        allowed = declaration.get("AllowedValues")
        if allowed and _text(value) not in [_text(item) for item in allowed]:
            raise invalid(f"Parameter '{name}' must be one of AllowedValues")
        pattern = declaration.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, _text(value)):
            constraint = declaration.get("ConstraintDescription", f"must match pattern {pattern}")
            raise invalid(f"Parameter {name} failed to satisfy constraint: {constraint}")
        is_list = kind.startswith("List<") or kind == "CommaDelimitedList"
        if is_list and isinstance(value, str):
            values[name] = [part.strip() for part in value.split(",")]
        else:
            values[name] = _text(value)
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    return values
