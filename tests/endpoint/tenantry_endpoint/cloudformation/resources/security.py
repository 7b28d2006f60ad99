"""Types of IAM, KMS and Roles Anywhere through their APIs."""

from __future__ import annotations

import json
from typing import Any

from ...errors import AwsError
from .kind import Kind, Made, Place, Properties, Simple, having, is_gone, retag, tag_list, tag_map


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Role(Kind):
    """AWS::IAM::Role with inline and managed policies."""

    def create(self, place: Place, properties: Properties) -> Made:
        name = properties.get("RoleName") or place.name(64)
        role = place.call(
            "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=_json(properties["AssumeRolePolicyDocument"]),
            Path=properties.get("Path"), Description=properties.get("Description"),
            MaxSessionDuration=properties.get("MaxSessionDuration"),
            PermissionsBoundary=properties.get("PermissionsBoundary"), Tags=tag_list(properties.get("Tags")) or None)
        made = Made(name, {"Arn": role["Role"]["Arn"], "RoleId": role["Role"]["RoleId"]})
        with having(made):
            self._policies(place, name, {}, properties)
        return made

    def _policies(self, place: Place, name: str, old: Properties, new: Properties) -> None:
        for item in new.get("Policies") or []:
            if item not in (old.get("Policies") or []):
                place.call("iam", "PutRolePolicy", RoleName=name, PolicyName=item["PolicyName"],
                           PolicyDocument=_json(item["PolicyDocument"]))
        kept = {item["PolicyName"] for item in new.get("Policies") or []}
        for item in old.get("Policies") or []:
            if item["PolicyName"] not in kept:
                place.call("iam", "DeleteRolePolicy", RoleName=name, PolicyName=item["PolicyName"])
        before, after = set(old.get("ManagedPolicyArns") or []), set(new.get("ManagedPolicyArns") or [])
        for arn in sorted(after - before):
            place.call("iam", "AttachRolePolicy", RoleName=name, PolicyArn=arn)
        for arn in sorted(before - after):
            place.call("iam", "DetachRolePolicy", RoleName=name, PolicyArn=arn)

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        place.call("iam", "UpdateAssumeRolePolicy", RoleName=made.id,
                   PolicyDocument=_json(new["AssumeRolePolicyDocument"]))
        place.call("iam", "UpdateRole", RoleName=made.id, Description=new.get("Description"),
                   MaxSessionDuration=new.get("MaxSessionDuration"))
        self._policies(place, made.id, old, new)
        if new.get("Tags"):
            place.call("iam", "TagRole", RoleName=made.id, Tags=tag_list(new["Tags"]))
        gone = sorted(set(tag_map(old.get("Tags"))) - set(tag_map(new.get("Tags"))))
        if gone:
            place.call("iam", "UntagRole", RoleName=made.id, TagKeys=gone)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            for name in place.call("iam", "ListRolePolicies", RoleName=made.id)["PolicyNames"]:
                place.call("iam", "DeleteRolePolicy", RoleName=made.id, PolicyName=name)
            for item in place.call("iam", "ListAttachedRolePolicies", RoleName=made.id)["AttachedPolicies"]:
                place.call("iam", "DetachRolePolicy", RoleName=made.id, PolicyArn=item["PolicyArn"])
            place.call("iam", "DeleteRole", RoleName=made.id)
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            live: Properties = dict(place.call("iam", "GetRole", RoleName=made.id)["Role"])
        except AwsError as error:
            if is_gone(error):
                return None
            raise
        names = [name for name in place.call("iam", "ListRolePolicies", RoleName=made.id)["PolicyNames"]
                 if name not in _own_policies(place, made.id)]
        live["Policies"] = [
            {"PolicyName": name, "PolicyDocument": place.call(
                "iam", "GetRolePolicy", RoleName=made.id, PolicyName=name)["PolicyDocument"]} for name in names]
        attached = place.call("iam", "ListAttachedRolePolicies", RoleName=made.id)["AttachedPolicies"]
        live["ManagedPolicyArns"] = [item["PolicyArn"] for item in attached]
        return live


def _own_policies(place: Place, role: str) -> set[str]:
    """The names of the inline policies that the stack's own policy resources give a role."""
    from ..model import stacks

    stack = stacks(place.account, place.region).find(place.stack)
    return {item.made.id for item in list(stack.resources.values()) if item.type in
            ("AWS::IAM::Policy", "AWS::IAM::RolePolicy") and role in
            (item.properties.get("Roles") or [item.properties.get("RoleName")])} if stack else set()


class InlinePolicy(Kind):
    """AWS::IAM::Policy and AWS::IAM::RolePolicy: an inline policy of one or more roles."""

    def _roles(self, properties: Properties) -> list[str]:
        return list(properties.get("Roles") or [properties["RoleName"]])

    def create(self, place: Place, properties: Properties) -> Made:
        for role in self._roles(properties):
            place.call("iam", "PutRolePolicy", RoleName=role, PolicyName=properties["PolicyName"],
                       PolicyDocument=_json(properties["PolicyDocument"]))
        return Made(properties["PolicyName"])

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        gone = [role for role in self._roles(old) if role not in self._roles(new)]
        made = self.create(place, new)
        if gone:
            self.delete(place, made, {"Roles": gone})
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        for role in self._roles(properties):
            try:
                place.call("iam", "DeleteRolePolicy", RoleName=role, PolicyName=made.id)
            except AwsError as error:
                if not is_gone(error):
                    raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            return dict(place.call("iam", "GetRolePolicy", RoleName=self._roles(properties)[0], PolicyName=made.id))
        except AwsError as error:
            if is_gone(error):
                return None
            raise


class ManagedPolicy(Simple):
    """AWS::IAM::ManagedPolicy: attached to roles by calls of its own; another document is another default version."""

    def _attach(self, place: Place, made: Made, old: Properties, new: Properties) -> None:
        before, after = old.get("Roles") or [], new.get("Roles") or []
        for role in after:
            if role not in before:
                place.call("iam", "AttachRolePolicy", RoleName=role, PolicyArn=made.id)
        for role in before:
            if role not in after:
                place.call("iam", "DetachRolePolicy", RoleName=role, PolicyArn=made.id)

    def create(self, place: Place, properties: Properties) -> Made:
        made = super().create(place, properties)
        with having(made):
            self._attach(place, made, {}, properties)
        return made

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        if old.get("PolicyDocument") != new.get("PolicyDocument"):
            versions = place.call("iam", "ListPolicyVersions", PolicyArn=made.id)["Versions"]
            if len(versions) >= 5:  # as many as a policy has at most
                oldest = min((one for one in versions if not one["IsDefaultVersion"]), key=lambda one: one["CreateDate"])
                place.call("iam", "DeletePolicyVersion", PolicyArn=made.id, VersionId=oldest["VersionId"])
            place.call("iam", "CreatePolicyVersion", PolicyArn=made.id, SetAsDefault=True,
                       PolicyDocument=_json(new["PolicyDocument"]))
        self._attach(place, made, old, new)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            self._attach(place, made, properties, {})
            for one in place.call("iam", "ListPolicyVersions", PolicyArn=made.id)["Versions"]:
                if not one["IsDefaultVersion"]:
                    place.call("iam", "DeletePolicyVersion", PolicyArn=made.id, VersionId=one["VersionId"])
        except AwsError as error:
            if not is_gone(error):
                raise
        super().delete(place, made, properties)


class Key(Kind):
    """AWS::KMS::Key."""

    def create(self, place: Place, properties: Properties) -> Made:
        key = place.call(
            "kms", "CreateKey", Policy=_json(properties["KeyPolicy"]) if "KeyPolicy" in properties else None,
            Description=properties.get("Description"), KeyUsage=properties.get("KeyUsage"),
            KeySpec=properties.get("KeySpec"), MultiRegion=properties.get("MultiRegion"),
            Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tag_list(properties.get("Tags"))])
        made = Made(key["KeyMetadata"]["KeyId"], {"Arn": key["KeyMetadata"]["Arn"]})
        made.attributes["KeyId"] = made.id
        with having(made):
            self._rotate(place, made, properties)
        return made

    def _rotate(self, place: Place, made: Made, properties: Properties) -> None:
        on = str(properties.get("EnableKeyRotation", "false")).lower() == "true"
        place.call("kms", "EnableKeyRotation" if on else "DisableKeyRotation", KeyId=made.id)

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        if "KeyPolicy" in new:
            place.call("kms", "PutKeyPolicy", KeyId=made.id, PolicyName="default", Policy=_json(new["KeyPolicy"]))
        place.call("kms", "UpdateKeyDescription", KeyId=made.id, Description=new.get("Description", ""))
        self._rotate(place, made, new)
        if old.get("Tags") != new.get("Tags"):
            retag(place, made, "kms", old, new)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            place.call("kms", "ScheduleKeyDeletion", KeyId=made.id,
                       PendingWindowInDays=properties.get("PendingWindowInDays", 30))
        except AwsError as error:
            if not is_gone(error) and "InvalidState" not in str(error.code):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            live = place.call("kms", "DescribeKey", KeyId=made.id)["KeyMetadata"]
        except AwsError as error:
            if is_gone(error):
                return None
            raise
        if live.get("KeyState") == "PendingDeletion":
            return None
        policy = place.call("kms", "GetKeyPolicy", KeyId=made.id, PolicyName="default")["Policy"]
        rotation = place.call("kms", "GetKeyRotationStatus", KeyId=made.id)["KeyRotationEnabled"]
        return {"Description": live.get("Description", ""), "KeyPolicy": json.loads(policy),
                "EnableKeyRotation": rotation, "Enabled": live.get("KeyState") == "Enabled"}


class Alias(Simple):
    """AWS::KMS::Alias; the service tells aliases by key."""

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        told = place.call("kms", "ListAliases", KeyId=properties["TargetKeyId"])["Aliases"]
        return {"AliasName": made.id} if any(item["AliasName"] == made.id for item in told) else None


KINDS: dict[str, Kind] = {
    "AWS::IAM::Role": Role(),
    "AWS::IAM::Policy": InlinePolicy(),
    "AWS::IAM::RolePolicy": InlinePolicy(),
    "AWS::IAM::ManagedPolicy": ManagedPolicy(
        "iam", "CreatePolicy", "Policy.Arn", "DeletePolicy PolicyArn", name="ManagedPolicyName",
        rename={"ManagedPolicyName": "PolicyName"}, drop=("Roles",)),
    "AWS::IAM::ServiceLinkedRole": Simple("iam", "CreateServiceLinkedRole", "Role.RoleName",
                                          "DeleteServiceLinkedRole RoleName", look="GetRole RoleName -> Role"),
    "AWS::KMS::Key": Key(),
    "AWS::KMS::Alias": Alias("kms", "CreateAlias", "$AliasName", "DeleteAlias AliasName", "UpdateAlias AliasName"),
    "AWS::RolesAnywhere::TrustAnchor": Simple(
        "rolesanywhere", "CreateTrustAnchor", "trustAnchor.trustAnchorId", "DeleteTrustAnchor trustAnchorId",
        "UpdateTrustAnchor trustAnchorId", "GetTrustAnchor trustAnchorId -> trustAnchor"),
    "AWS::RolesAnywhere::CRL": Simple(
        "rolesanywhere", "ImportCrl", "crl.crlId", "DeleteCrl crlId", "UpdateCrl crlId", "GetCrl crlId -> crl"),
    "AWS::RolesAnywhere::Profile": Simple(
        "rolesanywhere", "CreateProfile", "profile.profileId", "DeleteProfile profileId", "UpdateProfile profileId",
        "GetProfile profileId -> profile"),
}
