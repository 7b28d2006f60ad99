"""What moto finds out anew for every request though it never changes, found out once: a quarter of a stack's time."""

from __future__ import annotations

from functools import lru_cache

import moto.backends
import moto.core.responses

_modules = frozenset(moto.backends.list_of_moto_modules())


def _known_modules() -> frozenset[str]:
    """The services that moto has."""
    return _modules


def apply() -> None:
    """Remember the names of services and of each service's operations."""
    moto.backends.list_of_moto_modules = _known_modules
    moto.core.responses.method_names_from_class = lru_cache(maxsize=None)(moto.core.responses.method_names_from_class)
