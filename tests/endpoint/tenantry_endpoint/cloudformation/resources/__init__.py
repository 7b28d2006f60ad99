"""The resource types that the endpoint can make."""

from __future__ import annotations

from . import compute, data, network, observe, schedule, security, stores
from .kind import Kind

KINDS: dict[str, Kind] = {**network.KINDS, **security.KINDS, **data.KINDS, **stores.KINDS, **compute.KINDS, **schedule.KINDS,
                          **observe.KINDS}
