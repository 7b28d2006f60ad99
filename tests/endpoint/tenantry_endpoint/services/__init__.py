"""The services that the endpoint adds to moto or corrects."""

from __future__ import annotations


def register() -> None:
    """Register every operation answered here."""
    from ..cloudformation import change_sets, contents, drift, stacks, templates, validation  # noqa: F401
    from . import account, alarms, caches, cloudcontrol, compute, databases, deployments, enforcement  # noqa: F401
    from . import events, functions, hosted_zones, interfaces, layers, pages, queues  # noqa: F401
    from . import neighbours  # noqa: F401
    from . import offers, policies, prefix_lists, quotas, recorded, subscriptions, tables, tagged, trail, usage  # noqa: F401
