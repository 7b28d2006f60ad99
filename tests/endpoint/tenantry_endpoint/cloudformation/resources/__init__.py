"""The resource types that the endpoint can make."""

from __future__ import annotations

from . import compute, data, network, observe, security
from .kind import Kind

KINDS: dict[str, Kind] = {**network.KINDS, **security.KINDS, **data.KINDS, **compute.KINDS, **observe.KINDS}
