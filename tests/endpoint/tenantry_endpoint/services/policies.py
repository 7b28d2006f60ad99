"""Bucket policies are stored, not judged: moto judges them without their conditions, so `Deny` unless TLS is used would
deny everything."""

from __future__ import annotations

from typing import Any

from moto.s3.models import FakeBucket


def _unjudged(bucket: FakeBucket, action: str, resource: str) -> Any:
    """No opinion, as for a bucket without a policy."""
    return None


FakeBucket.get_permission = _unjudged  # type: ignore[method-assign]
