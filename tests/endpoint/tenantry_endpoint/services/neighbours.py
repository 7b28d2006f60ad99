"""What stands beside a stack's resources, where moto has no such calls: each is created by its own call and listed as
its service lists it (each service's API reference). A record is what its create call said, with its ids."""

from __future__ import annotations

import uuid
from collections import defaultdict

from ..errors import AwsError
from ..operations import Answer, Call, operation
from ..state import store


class Beside:
    """The records of one account and region, by what they are."""

    def __init__(self) -> None:
        self.by_kind: dict[str, list[Answer]] = defaultdict(list)


def _all(call: Call, kind: str) -> list[Answer]:
    return store(Beside, call.account, call.region).by_kind[kind]


def _short() -> str:
    return uuid.uuid4().hex[:17]


@operation("lambda", "ListFunctionUrlConfigs")
def list_urls(call: Call) -> Answer:
    """Lambda: ListFunctionUrlConfigs: that of the function and those of its aliases."""
    function = call.inner("GetFunctionConfiguration", FunctionName=call.parameters["FunctionName"])
    try:
        return {"FunctionUrlConfigs": [call.inner("GetFunctionUrlConfig", FunctionName=function["FunctionName"])]}
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return {"FunctionUrlConfigs": []}


@operation("logs", "PutAccountPolicy")
def put_account_policy(call: Call) -> Answer:
    """CloudWatch Logs: PutAccountPolicy."""
    policies = _all(call, "account policy")
    record = {key: call.get(key) for key in ("policyName", "policyDocument", "policyType", "scope", "selectionCriteria")
              if call.get(key)} | {"accountId": call.account}
    policies[:] = [one for one in policies if one["policyName"] != record["policyName"]] + [record]
    return {"accountPolicy": record}


@operation("logs", "DeleteAccountPolicy")
def delete_account_policy(call: Call) -> Answer:
    """CloudWatch Logs: DeleteAccountPolicy."""
    policies = _all(call, "account policy")
    policies[:] = [one for one in policies if one["policyName"] != call.parameters["policyName"]]
    return {}


@operation("logs", "DescribeAccountPolicies")
def describe_account_policies(call: Call) -> Answer:
    """CloudWatch Logs: DescribeAccountPolicies."""
    return {"accountPolicies": [one for one in _all(call, "account policy")
                                if one["policyType"] == call.parameters["policyType"]]}


def _domain(call: Call) -> str:
    name = str(call.parameters["DomainName"])
    call.inner("DescribeDomain", DomainName=name)
    return name


@operation("opensearch", "AuthorizeVpcEndpointAccess")
def authorize_access(call: Call) -> Answer:
    """OpenSearch: AuthorizeVpcEndpointAccess, of an account or a service."""
    account = call.get("Account")
    principal = {"PrincipalType": "AWS_ACCOUNT" if account else "AWS_SERVICE",
                 "Principal": account or call.get("Service")}
    _all(call, f"access {_domain(call)}").append(principal)
    return {"AuthorizedPrincipal": principal}


@operation("opensearch", "RevokeVpcEndpointAccess")
def revoke_access(call: Call) -> Answer:
    """OpenSearch: RevokeVpcEndpointAccess."""
    principals = _all(call, f"access {_domain(call)}")
    principals[:] = [one for one in principals if one["Principal"] != (call.get("Account") or call.get("Service"))]
    return {}


@operation("opensearch", "ListVpcEndpointAccess")
def list_access(call: Call) -> Answer:
    """OpenSearch: ListVpcEndpointAccess."""
    return {"AuthorizedPrincipalList": _all(call, f"access {_domain(call)}"), "NextToken": ""}


@operation("opensearch", "CreateOutboundConnection")
def create_outbound(call: Call) -> Answer:
    """OpenSearch: CreateOutboundConnection."""
    record = {key: call.get(key) for key in ("LocalDomainInfo", "RemoteDomainInfo", "ConnectionAlias")}
    record |= {"ConnectionId": _short(), "ConnectionStatus": {"StatusCode": "PENDING_ACCEPTANCE"}}
    _all(call, "outbound").append(record)
    remote = {"LocalDomainInfo": record["RemoteDomainInfo"], "RemoteDomainInfo": record["LocalDomainInfo"],
              "ConnectionId": record["ConnectionId"], "ConnectionStatus": {"StatusCode": "PENDING_ACCEPTANCE"}}
    _all(call, "inbound").append(remote)
    return record


@operation("opensearch", "DescribeOutboundConnections")
def describe_outbound(call: Call) -> Answer:
    """OpenSearch: DescribeOutboundConnections."""
    return {"Connections": _all(call, "outbound")}


@operation("opensearch", "DescribeInboundConnections")
def describe_inbound(call: Call) -> Answer:
    """OpenSearch: DescribeInboundConnections."""
    return {"Connections": _all(call, "inbound")}


def _subnet(call: Call, ident: str) -> Answer:
    from ..internal import call_moto

    return dict(call_moto(call.account, call.region, "ec2", "DescribeSubnets", {"SubnetIds": [ident]})["Subnets"][0])


@operation("ec2", "CreateInstanceConnectEndpoint")
def create_instance_connect(call: Call) -> Answer:
    """EC2: CreateInstanceConnectEndpoint."""
    subnet = _subnet(call, call.parameters["SubnetId"])
    record = {"InstanceConnectEndpointId": f"eice-{_short()}", "SubnetId": subnet["SubnetId"], "VpcId": subnet["VpcId"],
              "State": "create-complete", "SecurityGroupIds": call.get("SecurityGroupIds", []), "OwnerId": call.account}
    _all(call, "instance connect").append(record)
    return {"InstanceConnectEndpoint": record}


@operation("ec2", "DescribeInstanceConnectEndpoints")
def describe_instance_connect(call: Call) -> Answer:
    """EC2: DescribeInstanceConnectEndpoints."""
    return {"InstanceConnectEndpoints": _all(call, "instance connect")}


@operation("ec2", "CreateClientVpnEndpoint")
def create_client_vpn(call: Call) -> Answer:
    """EC2: CreateClientVpnEndpoint."""
    ident = f"cvpn-endpoint-{_short()}"
    record = {"ClientVpnEndpointId": ident, "VpcId": call.get("VpcId"), "Status": {"Code": "pending-associate"},
              "ServerCertificateArn": call.get("ServerCertificateArn"), "SecurityGroupIds": call.get("SecurityGroupIds", [])}
    _all(call, "client vpn").append({key: value for key, value in record.items() if value})
    return {"ClientVpnEndpointId": ident, "Status": record["Status"]}


@operation("ec2", "DescribeClientVpnEndpoints")
def describe_client_vpn(call: Call) -> Answer:
    """EC2: DescribeClientVpnEndpoints."""
    return {"ClientVpnEndpoints": _all(call, "client vpn")}


@operation("ram", "CreateResourceShare")
def create_share(call: Call) -> Answer:
    """RAM: CreateResourceShare."""
    arn = f"arn:{call.partition}:ram:{call.region}:{call.account}:resource-share/{uuid.uuid4()}"
    for resource in call.get("resourceArns", []):
        kind = f"{resource.split(':')[2]}:{resource.split(':')[5].split('/')[0].capitalize()}"
        _all(call, "shared").append({"arn": resource, "type": kind, "resourceShareArn": arn, "status": "AVAILABLE"})
    return {"resourceShare": {"resourceShareArn": arn, "name": call.parameters["name"], "owningAccountId": call.account,
                              "status": "ACTIVE"}}


@operation("ram", "ListResources")
def list_resources(call: Call) -> Answer:
    """RAM: ListResources, of the caller's own."""
    if call.parameters["resourceOwner"] != "SELF":
        raise AwsError("InvalidParameterException", "the local endpoint lists the caller's own resources only")
    wanted = call.get("resourceType")
    return {"resources": [one for one in _all(call, "shared") if not wanted or one["type"].lower() == wanted.lower()]}



@operation("elbv2", "RegisterTargets")
def register_targets(call: Call) -> Answer:
    """ELBv2: RegisterTargets; a target outside the VPC is in all zones."""
    for target in call.get("Targets", []):
        _all(call, f"zone {call.parameters['TargetGroupArn']}").append(target)
    return call.inner()


@operation("elbv2", "DescribeTargetHealth")
def describe_target_health(call: Call) -> Answer:
    """ELBv2: DescribeTargetHealth, with the zones that targets were registered with."""
    answer = call.inner()
    zones = {one["Id"]: one["AvailabilityZone"] for one in _all(call, f"zone {call.parameters['TargetGroupArn']}")
             if one.get("AvailabilityZone")}
    for row in answer.get("TargetHealthDescriptions", []):
        if row["Target"]["Id"] in zones:
            row["Target"]["AvailabilityZone"] = zones[row["Target"]["Id"]]
    return answer
