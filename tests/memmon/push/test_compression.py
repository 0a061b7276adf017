from __future__ import annotations

import gzip
import os
import tracemalloc

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmon.errors import BadInput
from memmon.push import compression

LIMIT = 100_000
CONTENT = os.urandom(3_000) + b"a" * 60_000


def block(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


def stream(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress(content))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", CONTENT),
        ("identity", CONTENT),
        ("gzip", gzip.compress(CONTENT)),
        (" GZIP ", gzip.compress(CONTENT[:10]) + gzip.compress(CONTENT[10:])),
        ("snappy", stream(CONTENT)),
    ],
)
def test_each_encoding_is_opened(encoding: str, body: bytes) -> None:
    assert compression.unpack(body, encoding, LIMIT) == CONTENT


def test_a_block_of_snappy_is_opened() -> None:
    assert compression.unsnap(block(CONTENT), LIMIT) == CONTENT


def test_another_encoding_is_refused_by_its_name() -> None:
    with pytest.raises(compression.NotSpoken, match="'br' is not one of identity, gzip, snappy"):
        compression.unpack(b"", "br", LIMIT)


@pytest.mark.parametrize("opener", [compression.plain, compression.gunzip, compression.unsnap, compression.unframe])
def test_a_bomb_is_refused_before_it_takes_memory(opener: object) -> None:
    huge = b"\0" * 30_000_000
    packers = {
        compression.plain: bytes,
        compression.gunzip: gzip.compress,
        compression.unsnap: block,
        compression.unframe: stream,
    }
    body = packers[opener](huge)  # type: ignore[index, operator]
    tracemalloc.start()
    with pytest.raises(compression.BodyTooLarge, match="larger than 100000 bytes"):
        opener(body, LIMIT)  # type: ignore[operator]
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_a_block_that_only_claims_to_be_huge_is_refused() -> None:
    with pytest.raises(compression.BodyTooLarge):
        compression.unsnap(b"\xff\xff\xff\xff\x0f", LIMIT)


def test_a_gzip_of_very_many_members_is_refused() -> None:
    with pytest.raises(BadInput, match="more than 100 members"):
        compression.gunzip(gzip.compress(b"") * 101, LIMIT)


@pytest.mark.parametrize("opener", [compression.gunzip, compression.unsnap, compression.unframe])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(body=st.binary(max_size=200), cut=st.integers(0, 80), at=st.integers(0, 80), to=st.integers(0, 255))
def test_broken_bodies_are_bad_input(opener: object, body: bytes, cut: int, at: int, to: int) -> None:
    packers = {compression.gunzip: gzip.compress, compression.unsnap: block, compression.unframe: stream}
    whole = bytearray(packers[opener](body))  # type: ignore[index, operator]
    if whole:
        whole[at % len(whole)] = to
    for broken in (body, bytes(whole), bytes(whole)[:cut]):
        try:
            opener(broken, LIMIT)  # type: ignore[operator]
        except BadInput:
            continue
