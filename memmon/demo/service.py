"""The memories: remember, search, classify."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from memmon.demo import classifier
from memmon.demo.cache import Cache, Found
from memmon.demo.database import Database
from memmon.demo.faults import Faults

KEPT = 2000
"""Memories that are kept; older ones are forgotten, so that the database does not grow for ever."""
PRUNE_EVERY = 50

HELD = "(SELECT hold() AS ok LIMIT 1) CROSS JOIN memories_enhanced"
"""What queries read from: hold() is called once, first, and inside SQLite (LIMIT keeps it from
being merged into the rest).
"""


class Failed(Exception):
    """An operation that fails because the fault `errors` is on."""


class Classification(NamedTuple):
    """A CXD function and how sure the classifier is, 0 to 1."""

    function: str
    confidence: float


class Memories:
    """The api of the demo, with the names that MemMimic's has. Made to be instrumented by
    memmon.client.
    """

    def __init__(self, database: Database, cache: Cache, faults: Faults):
        self._database = database
        self._cache = cache
        self._faults = faults

    def remember(self, content: str, kind: str = "interaction") -> dict[str, Any]:
        """Store a memory with its classification; the same text again only counts as another
        access.
        """
        self._may_fail()
        duplicates = self._database.read(f"SELECT id FROM {HELD} WHERE ok AND content = ?", (content,))
        if duplicates:
            self._touch(duplicates[0]["id"])
            return {"id": duplicates[0]["id"], "new": False}
        label = self.classify(content)
        memory_id = self._database.write(
            "INSERT INTO memories_enhanced (content, type, created_at, cxd_function, cxd_confidence) VALUES (?, ?, ?, ?, ?)",
            (content, kind, _now(), label.function, label.confidence),
        )
        self._cache.forget_about(content)
        if memory_id % PRUNE_EVERY == 0:
            self._database.write("DELETE FROM memories_enhanced WHERE id <= ?", (memory_id - KEPT,))
        return {"id": memory_id, "new": True}

    def recall_cxd(self, query: str, limit: int = 10) -> Found:
        """Return the newest memories that contain every word of `query`."""
        self._may_fail()
        query = " ".join(query.lower().split())
        if self._faults.on("cache-misses"):
            self._cache.clear()
        cached = self._cache.get(query, limit)
        if cached is not None:
            return self._still_there(cached)
        results = self._search(query.split(), limit)
        self._cache.put(query, limit, results)
        return results

    def classify(self, text: str) -> Classification:
        """Return the CXD function of a text."""
        self._may_fail()
        return Classification(*classifier.classify(text))

    def is_empty(self) -> bool:
        """Tell whether nothing is remembered yet."""
        return not self._database.read("SELECT 1 FROM memories_enhanced LIMIT 1", ())

    def _search(self, words: list[str], limit: int) -> Found:
        clauses = " AND ".join([r"content LIKE ? ESCAPE '\'"] * len(words)) or "1"
        rows = self._database.read(
            f"SELECT id, content, type, created_at, cxd_function FROM {HELD} WHERE ok AND {clauses} "
            "ORDER BY id DESC LIMIT ?",
            (*(f"%{_escaped(word)}%" for word in words), limit),
        )
        return [dict(row) for row in rows]

    def _still_there(self, memories: Found) -> Found:
        """Return those of a cached result that have not been forgotten since."""
        if not memories:
            return []
        marks = ", ".join("?" * len(memories))
        rows = self._database.read(
            f"SELECT id FROM {HELD} WHERE ok AND id IN ({marks})", [memory["id"] for memory in memories]
        )
        there = {row["id"] for row in rows}
        return [memory for memory in memories if memory["id"] in there]

    def _touch(self, memory_id: int) -> None:
        self._database.write(
            "UPDATE memories_enhanced SET access_count = access_count + 1, last_access_time = ? WHERE id = ?",
            (_now(), memory_id),
        )

    def _may_fail(self) -> None:
        if self._faults.on("errors"):
            raise Failed("the fault `errors` is on")


def _escaped(word: str) -> str:
    for special in ("\\", "%", "_"):
        word = word.replace(special, f"\\{special}")
    return word


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
