"""CBOR (RFC 8949), as much of it as AWS's protocol "Smithy RPC v2 CBOR" uses: no simple values but false, true and null."""

from __future__ import annotations

import datetime
import struct
from typing import Any

#: The tag of a time in seconds since 1970.
EPOCH = 1


def dumps(value: Any) -> bytes:
    """A value as CBOR; what is None in a map is left out."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, datetime.datetime):
        return _head(6, EPOCH) + dumps(value.timestamp())
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, dict):
        items = [(key, inner) for key, inner in value.items() if inner is not None]
        return _head(5, len(items)) + b"".join(dumps(str(key)) + dumps(inner) for key, inner in items)
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(dumps(inner) for inner in value)
    text = str(value).encode()
    return _head(3, len(text)) + text


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    for code, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32), (27, ">Q", 1 << 64)):
        if number < limit:
            return bytes([kind << 5 | code]) + struct.pack(form, number)
    raise ValueError(f"{number} is too large for CBOR")


def loads(data: bytes) -> Any:
    """The value that CBOR holds. Raises ValueError for what is none."""
    try:
        return _Reader(data).value()
    except (IndexError, struct.error) as error:
        raise ValueError(f"no CBOR: {error}") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise IndexError("it ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def ends(self) -> bool:
        """Whether an item of unknown length ends here."""
        if self.data[self.at] == 0xFF:
            self.at += 1
            return True
        return False

    def value(self) -> Any:
        first = self.take(1)[0]
        kind, code = first >> 5, first & 31
        if kind == 7:
            return self.simple(code)
        length = None if code == 31 else self.number(code)
        if kind in (0, 1):
            return length if kind == 0 else -1 - (length or 0)
        if kind in (2, 3):
            parts = self.take(length) if length is not None else b"".join(self.chunks())
            return parts if kind == 2 else parts.decode()
        if kind == 4:
            return list(self.items(length))
        if kind == 5:
            return {key: self.value() for key in self.items(length)}
        return self.value()

    def chunks(self) -> Any:
        while not self.ends():
            chunk = self.value()
            yield chunk if isinstance(chunk, bytes) else chunk.encode()

    def items(self, length: int | None) -> Any:
        """So many values, or those until the end."""
        while length is None and not self.ends():
            yield self.value()
        for _ in range(length or 0):
            yield self.value()

    def number(self, code: int) -> int:
        if code < 24:
            return code
        form = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}[code]
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def simple(self, code: int) -> Any:
        if code in (20, 21):
            return code == 21
        if code in (22, 23):
            return None
        form = {25: ">e", 26: ">f", 27: ">d"}.get(code)
        if form is None:
            raise ValueError(f"no CBOR that AWS sends: simple value {code}")
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]
