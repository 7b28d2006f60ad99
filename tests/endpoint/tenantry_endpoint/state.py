"""What the added services remember, per account and region, and how all of it (and moto's) is forgotten."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any, Callable, TypeVar

Store = TypeVar("Store")

#: Held while one of moto's backends is read or changed: they are plain dicts, which must not change under an iteration.
MOTO = threading.RLock()
_lock = threading.RLock()
_stores: dict[type[Any], dict[tuple[str, str], Any]] = defaultdict(dict)
_on_reset: list[Callable[[], None]] = []


def store(kind: type[Store], account: str, region: str) -> Store:
    """The one instance of `kind` for an account and region, made when first asked for."""
    with _lock:
        found = _stores[kind].get((account, region))
        if found is None:
            found = _stores[kind][(account, region)] = kind()
        return found


def stores(kind: type[Store]) -> dict[tuple[str, str], Store]:
    """Every instance of `kind` that exists, by account and region."""
    with _lock:
        return dict(_stores[kind])


def on_reset(action: Callable[[], None]) -> None:
    """Have `action` run at each reset, before the state is dropped."""
    _on_reset.append(action)


def reset() -> None:
    """Forget everything: the added services' state and every moto backend."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    for action in _on_reset:
        action()
    with _lock:
        _stores.clear()
    BackendDict.reset()
    reset_model_data()
