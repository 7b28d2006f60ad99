"""Layers of other accounts, such as AWS's own: moto knows only those of the caller's account and refuses the rest."""

from __future__ import annotations

from typing import Any

from moto.awslambda.models import LambdaFunction

_own_layers = LambdaFunction._get_layers_data


def _layers(function: LambdaFunction, arns: list[str]) -> list[Any]:
    """Each layer's ARN and size: as moto tells it, or 0 bytes for a layer of another account."""
    return [{"Arn": arn, "CodeSize": 0} if arn.split(":")[4] != function.account_id else _own_layers(function, [arn])[0]
            for arn in arns]


LambdaFunction._get_layers_data = _layers  # type: ignore[method-assign]
