"""Time on the endpoint. A step is the pause between two resources of a stack; a minute that only has to pass is as long as
a step. What AWS takes minutes to create moves a second clock on, on which young alarms grow older."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

#: Minutes that the creation of a resource takes, as a rule; all others take seconds.
SLOW = {"AWS::CertificateManager::Certificate": 3, "AWS::EC2::NatGateway": 2, "AWS::EC2::VPCEndpoint": 2,
        "AWS::ECS::Service": 3, "AWS::ElastiCache::ReplicationGroup": 10, "AWS::ElasticLoadBalancingV2::LoadBalancer": 3,
        "AWS::OpenSearchService::Domain": 20, "AWS::RDS::DBInstance": 10}
#: Minutes until somebody looks at what a stack operation has made.
AFTERWARDS = 5
#: Seconds after which minutes of AWS's have passed here, even when no stack does anything.
LONGEST = 30.0

_minutes = 0.0


def step_seconds() -> float:
    """Length of a step."""
    return float(os.environ.get("TENANTRY_ENDPOINT_STEP_MS", "1")) / 1000


def pause() -> None:
    """The pause between two steps of a stack."""
    if step_seconds() > 0:
        time.sleep(step_seconds())


def advance(minutes: float) -> None:
    """Let minutes of AWS's pass."""
    global _minutes
    _minutes += minutes


@dataclass
class Moment:
    """A moment, to count from."""

    minute: float = field(default_factory=lambda: _minutes)
    at: float = field(default_factory=time.monotonic)

    def is_past(self, minutes: float) -> bool:
        """Whether stacks have taken so many minutes of AWS's since, or `LONGEST` is over."""
        return _minutes - self.minute >= minutes or time.monotonic() - self.at >= LONGEST

    def steps(self) -> float:
        """Lengths of a step since; without end where steps take no time."""
        length = step_seconds()
        return (time.monotonic() - self.at) / length if length > 0 else float("inf")
