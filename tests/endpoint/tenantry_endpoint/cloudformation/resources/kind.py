"""How one resource type is made, changed, removed and read through its service's own API.

Most types are declared in one line: CloudFormation's property names are matched with the members of the operation's
input shape without regard to case, so nothing is silently dropped: a property without a member fails the resource.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

import jmespath

from moto.utilities.utils import get_partition

from ...errors import AwsError
from ...internal import _client, call

Properties = dict[str, Any]


@dataclass
class Made:
    """A resource as its stack remembers it: `Ref`, the attributes for `GetAtt`, and its properties."""

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)


class HalfMade(Exception):
    """A resource exists, but a later step of its creation failed: a rollback deletes it as any other."""

    def __init__(self, made: Made, error: Exception) -> None:
        super().__init__(str(error))
        self.made, self.error = made, error


@contextmanager
def having(made: Made) -> Iterator[None]:
    """Within, an error leaves a resource half made instead of forgotten."""
    try:
        yield
    except Exception as error:
        raise HalfMade(made, error) from error


@dataclass(frozen=True)
class Place:
    """Where a resource is made, and for which logical resource of which stack."""

    account: str
    region: str
    stack: str = ""
    logical: str = ""
    suffix: str = ""

    @property
    def partition(self) -> str:
        """The partition of the region."""
        return str(get_partition(self.region))

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call of a service in this account and region."""
        return call(self.account, self.region, service, operation, **parameters)

    def name(self, limit: int = 63, lower: bool = False) -> str:
        """A generated physical name: stack, logical id and a suffix."""
        text = f"{self.stack}-{self.logical}"[: limit - len(self.suffix) - 1] + "-" + self.suffix
        return text.lower() if lower else text


class Kind:
    """One resource type. Subclasses override what they can do; what they cannot fails the resource."""

    mutable = True

    def create(self, place: Place, properties: Properties) -> Made:
        """Make the resource."""
        raise NotImplementedError

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        """Change the resource in place."""
        raise AwsError("NotUpdatable", "the local endpoint cannot update this resource type in place")

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        """Remove the resource; one that is gone already is no error."""
        raise NotImplementedError

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        """The live properties, as far as the service tells them; None when the resource is gone."""
        raise NotReadable


class NotReadable(Exception):
    """Drift of this type cannot be told."""


def shape_of(service: str, operation: str, region: str) -> Any:
    """The input shape of an operation."""
    return _client(service, region).meta.service_model.operation_model(operation).input_shape


def tag_list(tags: Any) -> list[dict[str, str]]:
    """Tags in either form as a list of Key and Value."""
    if isinstance(tags, dict):
        return [{"Key": key, "Value": str(value)} for key, value in tags.items()]
    return [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in tags or []]


def tag_map(tags: Any) -> dict[str, str]:
    """Tags in either form as a map."""
    return {tag["Key"]: tag["Value"] for tag in tag_list(tags)}


def shaped(shape: Any, value: Any, path: str = "") -> Any:
    """A property value in the form of an input shape; `ValidationError` for a member that the shape lacks."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        result = {}
        for key, inner in value.items():
            name = members.get(key.lower()) or members.get(key.lower() + "s")
            if name is None:
                raise AwsError("ValidationError", f"the local endpoint does not implement property {path}{key}")
            result[name] = shaped(shape.members[name], inner, f"{path}{key}.")
        return result
    if shape.type_name == "list" and isinstance(value, list):
        return [shaped(shape.member, inner, path) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: shaped(shape.value, inner, path) for key, inner in value.items()}
    if shape.type_name == "map" and isinstance(value, list):
        return tag_map(value)
    if shape.type_name == "string" and not isinstance(value, str):
        import json

        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
    if shape.type_name in ("integer", "long") and isinstance(value, str):
        return int(value)
    if shape.type_name == "boolean" and isinstance(value, str):
        return value == "true"
    return value


def find(value: Any, name: str) -> Any:
    """The first member of that name (any case) at any depth, breadth first; None if there is none."""
    level = [value]
    while level:
        following: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                for key, inner in item.items():
                    if key.lower() == name.lower() and inner is not None:
                        return inner
                following += item.values()
            elif isinstance(item, list):
                following += item
        level = following
    return None


GONE = ("notfound", "nosuch", "nonexistent", "doesnotexist", "not_found", "unknown")


def is_gone(error: AwsError) -> bool:
    """Whether an error says that the resource does not exist."""
    return any(word in str(error.code).lower() for word in GONE)


@dataclass
class Simple(Kind):
    """A type whose life is one operation for each step. `delete`, `update` and `read` are `Operation member…`: a bare
    member takes the id, `member[]` a list with it, `member=$Property` a property, `member=@Attribute` an attribute.
    What follows ` -> ` finds the resource in the answer of `read` (JMESPath; `$id` is the id)."""

    service: str
    make: str
    ident: str
    remove: str = ""
    change: str = ""
    look: str = ""
    name: str = ""
    lower: bool = False
    rename: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    tag_type: str = ""
    before: Callable[[Place, Properties], Properties] | None = None
    after: Callable[[Place, Made, Properties], None] | None = None

    def _parameters(self, place: Place, operation: str, properties: Properties) -> dict[str, Any]:
        shape = shape_of(self.service, operation, place.region)
        given = {self.rename.get(key, key): value for key, value in properties.items() if key not in self.drop}
        given = copy.deepcopy(self.fixed) | given
        tags = given.pop("Tags", None)
        members = {name.lower(): name for name in shape.members}
        if tags:
            if "tags" in members:
                member = shape.members[members["tags"]]
                if member.type_name == "map":
                    given["Tags"] = tag_map(tags)
                else:
                    keys = {name.lower(): name for name in member.member.members}
                    given["Tags"] = [{keys["key"]: t["Key"], keys["value"]: t["Value"]} for t in tag_list(tags)]
            elif "TagSpecifications" in shape.members:
                given["TagSpecifications"] = [{"ResourceType": self.tag_type, "Tags": tag_list(tags)}]
            elif "TagList" in shape.members:
                given["TagList"] = tag_list(tags)
        return dict(shaped(shape, given))

    def _step(self, place: Place, text: str, made: Made, properties: Properties, extra: Properties) -> Any:
        operation, *members = text.split(" -> ")[0].split()
        parameters: dict[str, Any] = {}
        for member in members:
            name, _, source = member.partition("=")
            if source.startswith("$"):
                parameters[name] = properties.get(source[1:])
            elif source.startswith("@"):
                parameters[name] = made.attributes.get(source[1:])
            elif source:
                parameters[name] = source
            elif name.endswith("[]"):
                parameters[name[:-2]] = [made.id]
            else:
                parameters[name] = made.id
        known = {key: value for key, value in parameters.items() if value is not None}
        given = shaped(shape_of(self.service, operation, place.region), known)
        return place.call(self.service, operation, **extra | given)

    def create(self, place: Place, properties: Properties) -> Made:
        properties = dict(properties)
        if self.name and self.name not in properties:
            properties[self.name] = place.name(lower=self.lower)
        given = self.before(place, properties) if self.before else properties
        answer = place.call(self.service, self.make, **self._parameters(place, self.make, given))
        ident = properties[self.ident[1:]] if self.ident[0] == "$" else jmespath.search(self.ident, answer)
        if ident is None:
            raise AwsError("InternalFailure", f"{self.make} told no {self.ident}")
        made = Made(str(ident), {"_answer": answer, "_name": properties.get(self.name) if self.name else None})
        if self.after:
            with having(made):
                self.after(place, made, properties)
        return made

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        changed = {key for key in set(old) | set(new) if old.get(key) != new.get(key)}
        if changed and changed <= {"Tags"}:
            retag(place, made, self.service, old, new)
            return made
        if not self.change:
            raise AwsError("NotUpdatable", f"the local endpoint cannot update {', '.join(sorted(changed))} in place")
        operation = self.change.split()[0]
        members = {name.lower() for name in shape_of(self.service, operation, place.region).members}
        fits = {key: value for key, value in new.items() if key != "Tags" and
                (self.rename.get(key, key).lower() in members or key in changed and key not in self.drop)}
        given = self.before(place, fits) if self.before else fits
        fixed = {k: v for k, v in self.fixed.items() if k.lower() in members}
        parameters = Simple(self.service, operation, "", rename=self.rename, fixed=fixed, drop=self.drop)
        self._step(place, self.change, made, new, parameters._parameters(place, operation, given))
        if self.after:
            self.after(place, made, new)
        if old.get("Tags") != new.get("Tags"):
            retag(place, made, self.service, old, new)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        if not self.remove:
            return
        try:
            self._step(place, self.remove, made, properties, {})
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        if not self.look:
            raise NotReadable
        try:
            answer = self._step(place, self.look, made, properties, {})
        except AwsError as error:
            if is_gone(error):
                return None
            raise
        if " -> " in self.look:
            answer = jmespath.search(self.look.split(" -> ")[1].replace("$id", made.id), answer)
        if not answer:
            return None
        answer = dict(answer)
        answer.update({key: find(answer, name) for key, name in self.rename.items() if find(answer, name) is not None})
        return answer


#: Members of create answers that hold the new resource's own ARN, most particular first.
ARNS = ("EventSourceMappingArn", "TableArn", "Arn", "FunctionArn", "clusterArn", "trustAnchorArn", "profileArn")


def retag(place: Place, made: Made, service: str, old: Properties, new: Properties) -> None:
    """Replace a resource's tags through its service, where the service can; an error where it cannot."""
    before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
    gone = sorted(set(before) - set(after))
    known = (find(made.attributes, name) for name in ARNS)
    arn = made.id if made.id.startswith("arn:") else str(made.attributes.get("Arn") or next(filter(None, known), ""))
    if service == "ec2":
        ident = made.attributes.get("AllocationId", made.id)  # an address is tagged by its allocation
        place.call("ec2", "CreateTags", Resources=[ident], Tags=tag_list(after))
        if gone:
            place.call("ec2", "DeleteTags", Resources=[ident], Tags=[{"Key": key} for key in gone])
        return
    if service == "kms":
        tags = [{"TagKey": key, "TagValue": value} for key, value in after.items()]
        place.call("kms", "TagResource", KeyId=made.id, Tags=tags)
        if gone:
            place.call("kms", "UntagResource", KeyId=made.id, TagKeys=gone)
        return
    if service == "elbv2":
        place.call("elbv2", "AddTags", ResourceArns=[made.id], Tags=tag_list(after))
        if gone:
            place.call("elbv2", "RemoveTags", ResourceArns=[made.id], TagKeys=gone)
        return
    if service == "opensearch":
        place.call("opensearch", "AddTags", ARN=arn, TagList=tag_list(after))
        if gone:
            place.call("opensearch", "RemoveTags", ARN=arn, TagKeys=gone)
        return
    if service == "ssm":
        place.call("ssm", "AddTagsToResource", ResourceType="Parameter", ResourceId=made.id, Tags=tag_list(after))
        if gone:
            place.call("ssm", "RemoveTagsFromResource", ResourceType="Parameter", ResourceId=made.id, TagKeys=gone)
        return
    if service == "acm":
        place.call("acm", "AddTagsToCertificate", CertificateArn=made.id, Tags=tag_list(after))
        if gone:
            place.call("acm", "RemoveTagsFromCertificate", CertificateArn=made.id, Tags=[{"Key": key} for key in gone])
        return
    model = _client(service, place.region).meta.service_model
    if "TagResource" not in model.operation_names or not arn:
        raise AwsError("NotUpdatable", f"the local endpoint cannot change tags of {service} {made.id}")
    shape = model.operation_model("TagResource").input_shape
    names = {name.lower(): name for name in shape.members}
    key = next(names[name] for name in ("resourcearn", "resource") if name in names)
    tags = shaped(shape.members[names["tags"]], tag_list(after))
    place.call(service, "TagResource", **{key: arn, names["tags"]: tags})
    if gone:
        members = model.operation_model("UntagResource").input_shape.members
        place.call(service, "UntagResource", **{key: arn, next(n for n in members if n.lower() == "tagkeys"): gone})
