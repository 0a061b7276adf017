"""Compressed bodies, opened up to a limit: what claims or turns out to be larger is refused before
it takes memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cramjam

from memmon.errors import BadInput

MIB = 1 << 20
MOST_MEMBERS = 100
"""Most members of a gzip file; the remainder is copied at each."""

_GZIP = 31  # zlib's window bits for a gzip header and its checksum.
_FRAME_HEADER, _CHECKSUM = 4, 4
_COMPRESSED, _PLAIN, _FIRST_SKIPPABLE = 0x00, 0x01, 0x80


class BodyTooLarge(BadInput):
    """The body opens to more than is taken."""

    def __init__(self, limit: int):
        super().__init__("body", f"is larger than {limit} bytes once it is decompressed")


class NotSpoken(BadInput):
    """The body is of a kind that is not taken here."""


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the decoded `body` of Content-Encoding `encoding`; raise BadInput for invalid data."""
    opened = OPENERS.get(encoding.strip().lower())
    if opened is None:
        raise NotSpoken("Content-Encoding", f"{encoding!r} is not one of {', '.join(name for name in OPENERS if name)}")
    return opened(body, limit)


def plain(body: bytes, limit: int) -> bytes:
    """Return an uncompressed body."""
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return body


def gunzip(body: bytes, limit: int) -> bytes:
    """Return the content of a gzip file of one or more members (RFC 1952)."""
    output = bytearray()
    remaining = body
    for _ in range(MOST_MEMBERS):
        if not remaining:
            return bytes(output)
        member = zlib.decompressobj(_GZIP)
        try:
            output += member.decompress(remaining, limit - len(output) + 1)
        except zlib.error as error:
            raise BadInput("body", f"is no gzip: {error}") from None
        if len(output) > limit:
            raise BodyTooLarge(limit)
        if not member.eof:
            raise BadInput("body", "is no whole gzip")
        remaining = member.unused_data
    raise BadInput("body", f"is a gzip of more than {MOST_MEMBERS} members")


def unsnap(body: bytes, limit: int) -> bytes:
    """Return the content of one Snappy block, which begins with its uncompressed length."""
    try:
        length = cramjam.snappy.decompress_raw_len(body)
        if length > limit:
            raise BodyTooLarge(limit)
        return bytes(cramjam.snappy.decompress_raw(body))
    except (cramjam.DecompressionError, ValueError) as error:
        raise BadInput("body", f"is no block of Snappy: {error}") from None


def unframe(body: bytes, limit: int) -> bytes:
    """Return the content of a Snappy stream (google/snappy `framing_format.txt`): the frame lengths
    are summed before any is decompressed.
    """
    at = total = 0
    while at < len(body):
        kind, length = body[at], int.from_bytes(body[at + 1 : at + _FRAME_HEADER], "little")
        content = body[at + _FRAME_HEADER + _CHECKSUM : at + _FRAME_HEADER + length]
        if kind == _COMPRESSED:
            total += _length(content)
        elif kind == _PLAIN:
            total += len(content)
        if total > limit:
            raise BodyTooLarge(limit)
        at += _FRAME_HEADER + length
    try:
        return bytes(cramjam.snappy.decompress(body)) if body else b""
    except cramjam.DecompressionError as error:
        raise BadInput("body", f"is no stream of Snappy: {error}") from None


def _length(block: bytes) -> int:
    try:
        return int(cramjam.snappy.decompress_raw_len(block))
    except (cramjam.DecompressionError, ValueError) as error:
        raise BadInput("body", f"is no stream of Snappy: {error}") from None


OPENERS: dict[str, Callable[[bytes, int], bytes]] = {
    "": plain,
    "identity": plain,
    "gzip": gunzip,
    "snappy": unframe,
}
"""Decoder of each Content-Encoding. Remote write means a single block by `snappy` and calls
`unsnap` itself.
"""
