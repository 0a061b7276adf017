"""The memories, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memmon.demo import service
from memmon.demo.cache import Cache
from memmon.demo.database import Database
from memmon.demo.faults import Faults
from memmon.demo.service import Memories


@pytest.fixture
def memories(tmp_path: Path) -> Iterator[Memories]:
    faults = Faults()
    database = Database(tmp_path / "demo.db", faults.hold)
    yield Memories(database, Cache(), faults)
    database.close()


def contents(memories: Memories, query: str, limit: int = 10) -> list[str]:
    return [entry["content"] for entry in memories.recall_cxd(query, limit)]


def test_a_search_finds_the_newest_that_have_every_word(memories: Memories) -> None:
    for text in ("green tea", "black tea", "green door"):
        memories.remember(text)
    assert contents(memories, "TEA") == ["black tea", "green tea"]
    assert contents(memories, "tea  green") == ["green tea"]
    assert contents(memories, "e", limit=2) == ["green door", "black tea"]


@pytest.mark.parametrize("query", ["%", "_", "\\", "' OR 1=1 --", '"'])
def test_what_has_a_meaning_in_sql_is_only_text(memories: Memories, query: str) -> None:
    memories.remember("tea")
    assert contents(memories, query) == []
    memories.remember(f"before {query} after")
    assert contents(memories, query) == [f"before {query} after"]


def test_a_cached_search_leaves_out_what_was_forgotten(memories: Memories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "KEPT", 3)
    monkeypatch.setattr(service, "PRUNE_EVERY", 2)
    memories.remember("tea first")
    assert contents(memories, "first") == ["tea first"]
    for index in range(5):
        memories.remember(f"coffee {index}")
    assert contents(memories, "first") == []


def test_old_memories_go_so_that_the_store_does_not_grow(memories: Memories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "KEPT", 20)
    monkeypatch.setattr(service, "PRUNE_EVERY", 5)
    for index in range(100):
        memories.remember(f"memory {index}.")
    assert contents(memories, "memory", 100) == [f"memory {index}." for index in range(99, 79, -1)]


def test_the_same_text_is_one_memory(memories: Memories) -> None:
    assert memories.remember("tea") == {"id": 1, "new": True}
    assert memories.remember("tea") == {"id": 1, "new": False}
    assert contents(memories, "tea") == ["tea"]


def test_a_held_query_waits_once_whatever_it_finds(tmp_path: Path) -> None:
    stored: list[int] = []

    def hold() -> int:
        stored.append(1)
        return 1

    database = Database(tmp_path / "demo.db", hold)
    memories = Memories(database, Cache(), Faults())
    memories.recall_cxd("nothing")
    assert len(stored) == 1
    memories.remember("tea")
    memories.remember("coffee")
    assert len(stored) == 3
    memories.recall_cxd("e")
    assert len(stored) == 4
    memories.recall_cxd("e")
    assert len(stored) == 5
    database.close()
