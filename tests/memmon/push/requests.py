"""Remote-write requests, written by hand: an encoder that knows nothing of ours."""

from __future__ import annotations

import struct

import cramjam


def varint(index: int) -> bytes:
    """Return a number of at most 64 bits as protobuf writes it."""
    index &= (1 << 64) - 1
    out = bytearray()
    while index > 127:
        out.append(index & 127 | 128)
        index >>= 7
    return bytes([*out, index])


def field(index: int, content: bytes | str | int | float) -> bytes:
    """Return one field of a message."""
    if isinstance(content, float):
        return varint(index << 3 | 1) + struct.pack("<d", content)
    if isinstance(content, int):
        return varint(index << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(index << 3 | 2) + varint(len(raw)) + raw


def series(labels: list[tuple[str, str]], samples: list[tuple[float, int]], *extra: bytes) -> bytes:
    """Return a field `timeseries` of (value, time in ms)."""
    named = b"".join(field(1, field(1, name) + field(2, value)) for name, value in labels)
    arguments = b"".join(field(2, field(1, float(value)) + field(2, at)) for value, at in samples)
    return field(1, named + arguments + b"".join(extra))


def about(kind: int, name: str, text: str, unit: str = "") -> bytes:
    """Return a field `metadata`."""
    return field(3, field(1, kind) + field(2, name) + field(4, text) + field(5, unit))


def packed(*fields: bytes) -> bytes:
    """Return the body of a request."""
    return bytes(cramjam.snappy.compress_raw(b"".join(fields)))
