"""Pure: audit log entries in a hash chain, and the verification of the chain.

Changing, removing or inserting an entry without the key breaks the chain after it (HMAC-SHA256, RFC
2104).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

START = "0" * 64
"""What stands before the first line."""


class Entry(NamedTuple):
    """One line of the record, with what signs it."""

    seq: int
    incident_id: int | None
    at: float
    kind: str
    by: str
    text: str
    detail: Mapping[str, Any]
    previous: str = ""
    hash: str = ""
    signed_by: str = ""


class Mark(NamedTuple):
    """The line `seq` that the record begins after, or ends with."""

    seq: int
    hash: str


class Problem(NamedTuple):
    """A verification problem: the entry's sequence number, its incident if known, and a
    description.
    """

    seq: int
    incident_id: int | None
    description: str


def name_of(key: bytes) -> str:
    """Return an identifier of the key that does not reveal it."""
    return hashlib.sha256(b"memmon record" + key).hexdigest()[:16]


def sign(key: bytes, line: Entry, previous: str) -> Entry:
    """Return `line` as it follows the line whose hash is `previous`."""
    return line._replace(previous=previous, hash=_digest(key, line, previous), signed_by=name_of(key))


def sign_mark(key: bytes, name: str, mark: Mark) -> str:
    """Return the signature of a mark."""
    return hmac.new(key, json.dumps([name, *mark]).encode(), hashlib.sha256).hexdigest()


def _digest(key: bytes, line: Entry, previous: str) -> str:
    content = [previous, line.seq, line.incident_id, line.at, line.kind, line.by, line.text, line.detail]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def problems(key: bytes, lines: Iterable[Entry], start: Mark, end: Mark | None) -> Iterator[Problem]:
    """Return the problems of the entries after `start`, in order; they must reach `end`."""
    last, key_name = start, name_of(key)
    for line in lines:
        if line.seq > last.seq + 1:
            yield Problem(last.seq + 1, None, _missing(last.seq + 1, line.seq - 1))
        elif line.previous != last.hash:
            yield Problem(line.seq, line.incident_id, "does not follow the line before it")
        if line.signed_by != key_name:
            yield Problem(line.seq, line.incident_id, f"is signed with another key ({line.signed_by})")
        elif not hmac.compare_digest(line.hash, _digest(key, line, line.previous)):
            yield Problem(line.seq, line.incident_id, "was changed")
        last = Mark(line.seq, line.hash)
    if end is not None and end.seq > last.seq:
        yield Problem(last.seq + 1, None, _missing(last.seq + 1, end.seq))
    elif end is not None and end != last:
        yield Problem(last.seq, None, "is not the line that was written last")


def _missing(first: int, last: int) -> str:
    return "is missing" if first == last else f"and all up to line {last} are missing"
