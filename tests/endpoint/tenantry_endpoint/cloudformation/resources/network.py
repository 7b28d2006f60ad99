"""Types of AWS::EC2 through the EC2 API ("Amazon EC2 API Reference")."""

from __future__ import annotations

import json
from typing import Any

from ...errors import AwsError
from .kind import Kind, Made, Place, Properties, Simple, having, is_gone, retag, tag_list


def ec2(make: str, ident: str, remove: str, tag: str = "", **more: Any) -> Simple:
    """A type of the EC2 API."""
    return Simple("ec2", make, ident, remove, tag_type=tag, **more)


def _vpc_after(place: Place, made: Made, properties: Properties) -> None:
    for key in ("EnableDnsSupport", "EnableDnsHostnames"):
        if key in properties:
            value = str(properties[key]).lower() == "true"
            place.call("ec2", "ModifyVpcAttribute", VpcId=made.id, **{key: {"Value": value}})
    groups = place.call("ec2", "DescribeSecurityGroups", Filters=[
        {"Name": "vpc-id", "Values": [made.id]}, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"]
    made.attributes["DefaultSecurityGroup"] = groups[0]["GroupId"] if groups else ""


class Vpc(Simple):
    """AWS::EC2::VPC; its DNS attributes are told one by one."""

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        live = super().read(place, made, properties)
        for key in ("EnableDnsSupport", "EnableDnsHostnames"):
            if live is not None and key in properties:
                told = place.call("ec2", "DescribeVpcAttribute", VpcId=made.id, Attribute=key[0].lower() + key[1:])
                live[key] = told[key]["Value"]
        return live

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        if {key for key in set(old) | set(new) if old.get(key) != new.get(key)} <= {
                "EnableDnsSupport", "EnableDnsHostnames", "Tags"}:
            _vpc_after(place, made, new)
            retag(place, made, "ec2", old, new)
            return made
        return super().update(place, made, old, new)


def _subnet_after(place: Place, made: Made, properties: Properties) -> None:
    if "MapPublicIpOnLaunch" in properties:
        value = str(properties["MapPublicIpOnLaunch"]).lower() == "true"
        place.call("ec2", "ModifySubnetAttribute", SubnetId=made.id, MapPublicIpOnLaunch={"Value": value})


class Link(Kind):
    """A relation between two resources: made by one call and undone by another; it has no life of its own."""

    def __init__(self, make: str, remove: str, answer: str = "", id_member: str = "",
                 keys: tuple[str, ...] = ()) -> None:
        self.make, self.remove, self.answer, self.id_member, self.keys = make, remove, answer, id_member, keys

    def create(self, place: Place, properties: Properties) -> Made:
        answer = place.call("ec2", self.make, **properties)
        return Made(str(answer[self.answer]) if self.answer else "|".join(str(v) for v in properties.values()))

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self.delete(place, made, old)
        return self.create(place, new)

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        given = {self.id_member: made.id} if self.id_member else {
            key: value for key, value in properties.items() if key in self.keys}
        try:
            place.call("ec2", self.remove, **given)
        except AwsError as error:
            if not is_gone(error) and "NotAttached" not in str(error.code):
                raise


class TableLink(Link):
    """AWS::EC2::SubnetRouteTableAssociation."""

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        tables = place.call("ec2", "DescribeRouteTables", Filters=[
            {"Name": "association.route-table-association-id", "Values": [made.id]}])["RouteTables"]
        links = [link for table in tables for link in table["Associations"]]
        return next((dict(link) for link in links if link["RouteTableAssociationId"] == made.id), None)


class GatewayLink(Link):
    """AWS::EC2::VPCGatewayAttachment."""

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        gateways = place.call("ec2", "DescribeInternetGateways", Filters=[
            {"Name": "internet-gateway-id", "Values": [properties["InternetGatewayId"]]}])["InternetGateways"]
        vpcs = [link["VpcId"] for gateway in gateways for link in gateway["Attachments"]]
        return {"VpcId": vpcs[0]} if vpcs else None


class Route(Link):
    """AWS::EC2::Route."""

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        tables = place.call("ec2", "DescribeRouteTables", RouteTableIds=[properties["RouteTableId"]])["RouteTables"]
        for route in tables[0]["Routes"] if tables else []:
            if route.get("DestinationCidrBlock") == properties.get("DestinationCidrBlock"):
                return dict(route)
        return None


class NaclAssociation(Kind):
    """AWS::EC2::SubnetNetworkAclAssociation: replaces the subnet's association; removal gives back the default ACL."""

    def _replace(self, place: Place, subnet: str, acl: str) -> str:
        found = place.call("ec2", "DescribeNetworkAcls", Filters=[
            {"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
        link = next(a for n in found for a in n["Associations"] if a["SubnetId"] == subnet)
        answer = place.call("ec2", "ReplaceNetworkAclAssociation", NetworkAclId=acl,
                            AssociationId=link["NetworkAclAssociationId"])
        return str(answer["NewAssociationId"])

    def create(self, place: Place, properties: Properties) -> Made:
        ident = self._replace(place, properties["SubnetId"], properties["NetworkAclId"])
        return Made(ident, {"AssociationId": ident})

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        subnets = place.call("ec2", "DescribeSubnets", Filters=[
            {"Name": "subnet-id", "Values": [properties["SubnetId"]]}])["Subnets"]
        if subnets:
            acls = place.call("ec2", "DescribeNetworkAcls", Filters=[
                {"Name": "vpc-id", "Values": [subnets[0]["VpcId"]]}, {"Name": "default", "Values": ["true"]}])
            self._replace(place, properties["SubnetId"], acls["NetworkAcls"][0]["NetworkAclId"])

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        found = place.call("ec2", "DescribeNetworkAcls", NetworkAclIds=[properties["NetworkAclId"]])["NetworkAcls"]
        links = [a for n in found for a in n["Associations"] if a["SubnetId"] == properties["SubnetId"]]
        return dict(links[0]) if links else None


class NaclEntry(Kind):
    """AWS::EC2::NetworkAclEntry."""

    def _parameters(self, properties: Properties) -> dict[str, Any]:
        given = dict(properties)
        given["Protocol"] = str(given["Protocol"])
        given["Egress"] = str(given.get("Egress", False)).lower() == "true"
        if "Icmp" in given:
            given["IcmpTypeCode"] = given.pop("Icmp")
        return given

    def create(self, place: Place, properties: Properties) -> Made:
        place.call("ec2", "CreateNetworkAclEntry", **self._parameters(properties))
        return Made(f"{place.stack}-{place.logical}-{place.suffix}")

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        place.call("ec2", "ReplaceNetworkAclEntry", **self._parameters(new))
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        given = self._parameters(properties)
        try:
            place.call("ec2", "DeleteNetworkAclEntry",
                       **{key: given[key] for key in ("NetworkAclId", "RuleNumber", "Egress")})
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        given = self._parameters(properties)
        found = place.call("ec2", "DescribeNetworkAcls", NetworkAclIds=[given["NetworkAclId"]])["NetworkAcls"]
        for entry in found[0]["Entries"] if found else []:
            if entry["RuleNumber"] == given["RuleNumber"] and entry["Egress"] == given["Egress"]:
                return dict(entry)
        return None


def permission(rule: Properties, outbound: bool) -> dict[str, Any]:
    """A rule of CloudFormation as the EC2 API's IpPermission."""
    made: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    made.update({key: int(rule[key]) for key in ("FromPort", "ToPort") if key in rule})
    text = {"Description": rule["Description"]} if "Description" in rule else {}
    group = rule.get("DestinationSecurityGroupId" if outbound else "SourceSecurityGroupId")
    prefix = rule.get("DestinationPrefixListId" if outbound else "SourcePrefixListId")
    if "CidrIp" in rule:
        made["IpRanges"] = [{"CidrIp": rule["CidrIp"], **text}]
    elif "CidrIpv6" in rule:
        made["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **text}]
    elif group:
        made["UserIdGroupPairs"] = [{"GroupId": group, **text}]
    elif prefix:
        made["PrefixListIds"] = [{"PrefixListId": prefix, **text}]
    return made


def _rules(permissions: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    found = set()
    for item in permissions:
        base = (str(item["IpProtocol"]), str(item.get("FromPort", "")), str(item.get("ToPort", "")))
        for key, member in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("UserIdGroupPairs", "GroupId"),
                            ("PrefixListIds", "PrefixListId")):
            found |= {(*base, str(source[member])) for source in item.get(key) or []}
    return found


def _as_properties(permissions: list[dict[str, Any]], outbound: bool) -> list[Properties]:
    """Live rules in the form of CloudFormation's properties."""
    end = "Destination" if outbound else "Source"
    rows = []
    for item in permissions:
        base = {key: item[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in item}
        for key, member, name in (("IpRanges", "CidrIp", "CidrIp"), ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
                                  ("UserIdGroupPairs", "GroupId", f"{end}SecurityGroupId"),
                                  ("PrefixListIds", "PrefixListId", f"{end}PrefixListId")):
            for source in item.get(key) or []:
                text = {"Description": source["Description"]} if source.get("Description") else {}
                rows.append(base | {name: source[member]} | text)
    return rows


def _apply(place: Place, group: str, outbound: bool, rules: list[dict[str, Any]], add: bool) -> None:
    if rules:
        verb, side = "Authorize" if add else "Revoke", "Egress" if outbound else "Ingress"
        place.call("ec2", f"{verb}SecurityGroup{side}", GroupId=group, IpPermissions=rules)


class Endpoint(Simple):
    """AWS::EC2::VPCEndpoint: lists change by what is added and removed."""

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        given: dict[str, Any] = {}
        for key, verb in (("SubnetIds", "Subnet"), ("RouteTableIds", "RouteTable"), ("SecurityGroupIds", "SecurityGroup")):
            before, after = old.get(key) or [], new.get(key) or []
            given |= {f"Add{verb}Ids": [one for one in after if one not in before] or None,
                      f"Remove{verb}Ids": [one for one in before if one not in after] or None}
        if old.get("PolicyDocument") != new.get("PolicyDocument"):
            policy = new.get("PolicyDocument")
            given |= {"PolicyDocument": policy if isinstance(policy, str) else json.dumps(policy)} if policy else {
                "ResetPolicy": True}
        if any(value is not None for value in given.values()):
            place.call("ec2", "ModifyVpcEndpoint", VpcEndpointId=made.id, **given)
        if old.get("Tags") != new.get("Tags"):
            retag(place, made, "ec2", old, new)
        return made


ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class SecurityGroup(Kind):
    """AWS::EC2::SecurityGroup: a given `SecurityGroupEgress` takes the place of the allow-all rule."""

    def create(self, place: Place, properties: Properties) -> Made:
        answer = place.call(
            "ec2", "CreateSecurityGroup", GroupName=properties.get("GroupName") or place.name(255),
            Description=properties["GroupDescription"], VpcId=properties.get("VpcId"),
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(properties.get("Tags"))}]
            if properties.get("Tags") else None)
        made = Made(answer["GroupId"], {"GroupId": answer["GroupId"], "VpcId": properties.get("VpcId", "")})
        with having(made):
            if properties.get("SecurityGroupEgress"):
                _apply(place, made.id, True, [ALL], add=False)
            self._exchange(place, made, {}, properties)
        return made

    def _exchange(self, place: Place, made: Made, old: Properties, new: Properties) -> None:
        for key, outbound in (("SecurityGroupIngress", False), ("SecurityGroupEgress", True)):
            before, after = old.get(key) or [], new.get(key) or []
            _apply(place, made.id, outbound, [permission(r, outbound) for r in before if r not in after], add=False)
            _apply(place, made.id, outbound, [permission(r, outbound) for r in after if r not in before], add=True)

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self._exchange(place, made, old, new)
        if old.get("Tags") != new.get("Tags"):
            retag(place, made, "ec2", old, new)
        return made

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            place.call("ec2", "DeleteSecurityGroup", GroupId=made.id)
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            group = place.call("ec2", "DescribeSecurityGroups", GroupIds=[made.id])["SecurityGroups"][0]
        except (AwsError, IndexError):
            return None
        live: Properties = {"GroupDescription": group["Description"], "Tags": group.get("Tags", []),
                            "VpcId": group["VpcId"]}
        for key, side, outbound in (("SecurityGroupIngress", "IpPermissions", False),
                                    ("SecurityGroupEgress", "IpPermissionsEgress", True)):
            given = _rules([permission(rule, outbound) for rule in properties.get(key) or []])
            if key in properties and given != _rules(group[side]) - _own_rules(place, made.id, outbound):
                live[key] = _as_properties(group[side], outbound)
        return live


def _own_rules(place: Place, group: str, outbound: bool) -> set[tuple[str, ...]]:
    """The rules that the stack's own rule resources give a group."""
    from ..model import stacks

    stack = stacks(place.account, place.region).find(place.stack)
    kind = "AWS::EC2::SecurityGroupEgress" if outbound else "AWS::EC2::SecurityGroupIngress"
    found = list(stack.resources.values()) if stack else []
    return _rules([permission(item.properties, outbound) for item in found
                   if item.type == kind and item.properties.get("GroupId") == group])


class SecurityGroupRule(Kind):
    """AWS::EC2::SecurityGroupIngress and SecurityGroupEgress."""

    def __init__(self, outbound: bool) -> None:
        self.outbound = outbound

    def create(self, place: Place, properties: Properties) -> Made:
        side = "Egress" if self.outbound else "Ingress"
        answer = place.call("ec2", f"AuthorizeSecurityGroup{side}", GroupId=properties["GroupId"],
                            IpPermissions=[permission(properties, self.outbound)])
        rules = answer.get("SecurityGroupRules") or [{"SecurityGroupRuleId": f"sgr-{place.suffix}"}]
        return Made(rules[0]["SecurityGroupRuleId"])

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            _apply(place, properties["GroupId"], self.outbound, [permission(properties, self.outbound)], add=False)
        except AwsError as error:
            if not is_gone(error):
                raise

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self.delete(place, made, old)
        return self.create(place, new)

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            group = place.call("ec2", "DescribeSecurityGroups", GroupIds=[properties["GroupId"]])["SecurityGroups"][0]
        except (AwsError, IndexError):
            return None
        live = _rules(group["IpPermissionsEgress" if self.outbound else "IpPermissions"])
        return dict(properties) if _rules([permission(properties, self.outbound)]) <= live else None


def _flow(place: Place, properties: Properties) -> Properties:
    given = dict(properties)
    given["ResourceIds"] = [given.pop("ResourceId")]
    return given


KINDS: dict[str, Kind] = {
    "AWS::EC2::VPC": Vpc("ec2", "CreateVpc", "Vpc.VpcId", "DeleteVpc VpcId", tag_type="vpc",
                         look="DescribeVpcs VpcIds[] -> Vpcs[0]",
                         drop=("EnableDnsSupport", "EnableDnsHostnames"), after=_vpc_after),
    "AWS::EC2::Subnet": ec2("CreateSubnet", "Subnet.SubnetId", "DeleteSubnet SubnetId", "subnet",
                            look="DescribeSubnets SubnetIds[] -> Subnets[0]", drop=("MapPublicIpOnLaunch",),
                            after=_subnet_after),
    "AWS::EC2::InternetGateway": ec2("CreateInternetGateway", "InternetGateway.InternetGatewayId",
                                     "DeleteInternetGateway InternetGatewayId", "internet-gateway",
                                     look="DescribeInternetGateways InternetGatewayIds[] -> InternetGateways[0]"),
    "AWS::EC2::VPCGatewayAttachment": GatewayLink("AttachInternetGateway", "DetachInternetGateway",
                                                 keys=("InternetGatewayId", "VpcId")),
    "AWS::EC2::EIP": ec2("AllocateAddress", "PublicIp", "ReleaseAddress AllocationId=@AllocationId", "elastic-ip",
                         look="DescribeAddresses PublicIps[] -> Addresses[0]",
                         after=lambda place, made, p: made.attributes.update(
                             AllocationId=made.attributes["_answer"]["AllocationId"])),
    "AWS::EC2::NatGateway": ec2("CreateNatGateway", "NatGateway.NatGatewayId", "DeleteNatGateway NatGatewayId",
                                "natgateway", look="DescribeNatGateways NatGatewayIds[] -> NatGateways[0]"),
    "AWS::EC2::RouteTable": ec2("CreateRouteTable", "RouteTable.RouteTableId", "DeleteRouteTable RouteTableId",
                                "route-table", look="DescribeRouteTables RouteTableIds[] -> RouteTables[0]"),
    "AWS::EC2::Route": Route("CreateRoute", "DeleteRoute", keys=("RouteTableId", "DestinationCidrBlock",
                                                                "DestinationIpv6CidrBlock", "DestinationPrefixListId")),
    "AWS::EC2::SubnetRouteTableAssociation": TableLink("AssociateRouteTable", "DisassociateRouteTable",
                                                       "AssociationId", "AssociationId"),
    "AWS::EC2::NetworkAcl": ec2("CreateNetworkAcl", "NetworkAcl.NetworkAclId", "DeleteNetworkAcl NetworkAclId",
                                "network-acl", look="DescribeNetworkAcls NetworkAclIds[] -> NetworkAcls[0]"),
    "AWS::EC2::NetworkAclEntry": NaclEntry(),
    "AWS::EC2::SubnetNetworkAclAssociation": NaclAssociation(),
    "AWS::EC2::VPCEndpoint": Endpoint(
        "ec2", "CreateVpcEndpoint", "VpcEndpoint.VpcEndpointId", "DeleteVpcEndpoints VpcEndpointIds[]", "",
        "DescribeVpcEndpoints VpcEndpointIds[] -> VpcEndpoints[0]", tag_type="vpc-endpoint"),
    "AWS::EC2::FlowLog": ec2("CreateFlowLogs", "FlowLogIds[0]", "DeleteFlowLogs FlowLogIds[]", "vpc-flow-log",
                             look="DescribeFlowLogs FlowLogIds[] -> FlowLogs[0]", before=_flow),
    "AWS::EC2::SecurityGroup": SecurityGroup(),
    "AWS::EC2::SecurityGroupIngress": SecurityGroupRule(outbound=False),
    "AWS::EC2::SecurityGroupEgress": SecurityGroupRule(outbound=True),
}
