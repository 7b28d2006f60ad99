"""Layers of other accounts, such as AWS's own: moto knows only those of the caller's account and refuses the rest."""

from __future__ import annotations

from typing import Any

from moto.awslambda.models import LambdaFunction

from ..errors import AwsError
from ..operations import Answer, Call, operation

_own_layers = LambdaFunction._get_layers_data


def _layers(function: LambdaFunction, arns: list[str]) -> list[Any]:
    """Each layer's ARN and size: as moto tells it, or 0 bytes for a layer of another account."""
    return [{"Arn": arn, "CodeSize": 0} if arn.split(":")[4] != function.account_id else _own_layers(function, [arn])[0]
            for arn in arns]


LambdaFunction._get_layers_data = _layers  # type: ignore[method-assign]


@operation("lambda", "GetLayerVersionByArn")
def get_layer_version_by_arn(call: Call) -> Answer:
    """GetLayerVersionByArn: every layer of another account exists, but for version 0, as a layer that is not shared does not
    for the caller."""
    arn = call.parameters["Arn"]
    account, name, version = arn.split(":")[4], arn.split(":")[6], arn.split(":")[7]
    if account == call.account:
        return call.inner("GetLayerVersion", LayerName=name, VersionNumber=int(version))
    if int(version) == 0:
        raise AwsError("AccessDeniedException", f"User is not authorized to perform: lambda:GetLayerVersion on resource: {arn}")
    return {"LayerArn": arn.rsplit(":", 1)[0], "LayerVersionArn": arn, "Version": int(version)}
