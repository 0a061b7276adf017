"""What the columns of a ring are. A version is named by its content, so that what a process has read of it stays true."""

from __future__ import annotations

import hashlib
import json
import threading
from functools import cached_property
from typing import NamedTuple

from memmon import labels as label_sets
from memmon.labels import Labels

SPARE_COLUMNS = 64
MAX_KNOWN = 20_000


class Version(NamedTuple):
    """A version of a name's columns, in force from `at` (Unix ms) until the next one."""

    id: str
    at: int


class Schema:
    """The columns of a ring, and how its slots follow from the time."""

    def __init__(self, columns: tuple[Labels, ...], slot_ms: int, slots: int):
        self.columns, self.slot_ms, self.slots = columns, slot_ms, slots
        self._full: dict[str, list[Labels]] = {}

    @cached_property
    def version(self) -> str:
        """The name of this content."""
        return hashlib.sha256(self.dump().encode()).hexdigest()[:16]

    @cached_property
    def position(self) -> dict[Labels, int]:
        """Where each column is."""
        return {column: index for index, column in enumerate(self.columns)}

    def full(self, name: str) -> list[Labels]:
        """Return the label set of each column with the metric name in it."""
        if name not in self._full:
            self._full[name] = [tuple(sorted(((label_sets.NAME, name), *column))) for column in self.columns]
        return self._full[name]

    def dump(self) -> str:
        """Return the content as text."""
        return json.dumps([self.slot_ms, self.slots, self.columns])


_known: dict[str, Schema] = {}
_lock = threading.Lock()


def get(version: str) -> Schema | None:
    """Return the schema of `version` where this process has met it."""
    return _known.get(version)


def load(text: bytes | str) -> Schema:
    """Return the schema that was dumped as `text`."""
    slot_ms, slots, columns = json.loads(text)
    return _keep(Schema(tuple(tuple((k, v) for k, v in column) for column in columns), slot_ms, slots))


def _keep(schema: Schema) -> Schema:
    with _lock:  # The collecting worker's threads share what is known.
        while len(_known) >= MAX_KNOWN:
            _known.pop(next(iter(_known)))
        return _known.setdefault(schema.version, schema)


def following(old: Schema | None, columns: tuple[Labels, ...], slot_ms: int, window_ms: int) -> Schema:
    """Return `old` while it has every column of now, else a schema of both; too many dead columns are let go."""
    if old and old.slot_ms == slot_ms and all(column in old.position for column in columns):
        return old
    kept = old.columns if old else ()
    if len(kept) > 2 * len(columns) + SPARE_COLUMNS:
        kept = ()
    merged = tuple(sorted({*kept, *columns}))
    return _keep(Schema(merged, slot_ms, window_ms // slot_ms + 2))


def followed(known: tuple[Version, ...], new: Version, edge: int) -> tuple[Version, ...]:
    """Return the versions with `new` in force, without those that were superseded before `edge` (Unix ms)."""
    return (new, *(version for version in since(known, edge) if version.id != new.id))


def since(known: tuple[Version, ...], start: int) -> list[Version]:
    """Return the versions that were in force after `start` (Unix ms)."""
    ends = [None, *(version.at for version in known)]
    return [version for version, end in zip(known, ends, strict=False) if end is None or end >= start]


def versions(text: str) -> tuple[Version, ...]:
    """Return the versions that were dumped as `text`, the one in force first."""
    return tuple(Version(name, int(at)) for name, _, at in (part.partition("@") for part in text.split()))


def dump(known: tuple[Version, ...]) -> str:
    """Return versions as text."""
    return " ".join(f"{version.id}@{version.at}" for version in known)
