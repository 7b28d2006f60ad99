"""What moto and botocore find out anew for every request though it never changes, found out once: half of a stack's time.
And ids of requests, of which none need be a secret, without a call of the system for each."""

from __future__ import annotations

import random
import uuid
from functools import lru_cache
from typing import Any

import moto.backends
import moto.core.responses
import moto.core.utils
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_modules = frozenset(moto.backends.list_of_moto_modules())
_generate = rsa.generate_private_key
_load = serialization.load_pem_private_key


def _known_modules() -> frozenset[str]:
    """The services that moto has."""
    return _modules


@lru_cache(maxsize=None)
def _key_of(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    return _generate(public_exponent=public_exponent, key_size=key_size)


def private_key(public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
    """The RSA key that every KMS key and certificate of that size here has: making one takes 60 ms, and none is a secret."""
    return _key_of(public_exponent, key_size)


@lru_cache(maxsize=None)
def _loaded(data: bytes) -> Any:
    return _load(data, password=None)


def _load_pem_private_key(data: bytes, password: bytes | None = None, backend: Any = None, **more: Any) -> Any:
    """A key that was checked once is not checked again."""
    return _loaded(bytes(data)) if password is None and not more else _load(data, password, backend, **more)


def _uuid4() -> uuid.UUID:
    return uuid.UUID(int=random.getrandbits(128), version=4)


def apply() -> None:
    """Remember names of services and of their operations, models' folders, and keys."""
    uuid.uuid4 = _uuid4
    moto.backends.list_of_moto_modules = _known_modules
    moto.core.responses.method_names_from_class = lru_cache(maxsize=None)(moto.core.responses.method_names_from_class)
    moto.core.utils.create_loader = lru_cache(maxsize=None)(moto.core.utils.create_loader)
    rsa.generate_private_key = private_key
    serialization.load_pem_private_key = _load_pem_private_key
