"""Policies on buckets and queues, where moto's own way stands in the way of stacks.

moto judges bucket policies without their conditions, so `Deny` unless TLS is used would deny everything: here they are
stored and not judged. moto drops a queue's policy when any other attribute is set: here it stays.
"""

from __future__ import annotations

from typing import Any

from moto.s3.models import FakeBucket
from moto.sqs.models import Queue


def _unjudged(bucket: FakeBucket, action: str, resource: str) -> Any:
    """No opinion, as for a bucket without a policy."""
    return None


_set_attributes = Queue._set_attributes


def _set_keeping_policy(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
    """Only what is given changes."""
    before = getattr(queue, "policy", None)
    _set_attributes(queue, attributes, now)
    if "Policy" not in attributes:
        queue.policy = before


FakeBucket.get_permission = _unjudged  # type: ignore[method-assign]
Queue._set_attributes = _set_keeping_policy  # type: ignore[method-assign]
