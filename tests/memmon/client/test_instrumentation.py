"""Instrumented methods behave as before, and are counted and timed."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from memmon import client
from memmon.client import registry
from tests.memmon.client.reading import count, value


class Storage:
    """MemMimic's storage, less the database."""

    def __init__(self) -> None:
        self.held: list[str] = []

    async def store_memory(self, content: str) -> int:
        self.held.append(content)
        return len(self.held)

    async def search_memories(self, query: str, limit: int) -> list[str]:
        return [text for text in self.held if query in text][:limit]


class Classifier:
    def classify(self, text: str) -> str:
        if not text:
            raise ValueError("nothing to classify")
        return "DATA"


class Api:
    """An api shaped like MemMimic's."""

    def __init__(self) -> None:
        self.memory = Storage()
        self.cxd = Classifier()

    async def remember(self, content: str, memory_type: str = "interaction") -> int:
        """Store + auto-classify."""
        self.cxd.classify(content)
        return await self.memory.store_memory(content)

    async def recall_cxd(self, query: str, limit: int = 10) -> list[str]:
        return await self.memory.search_memories(query, limit)

    def think_with_memory(self, text: str) -> str:
        return text.upper()


def run(api: Any) -> tuple[int, list[str], str]:
    async def everything() -> tuple[int, list[str], str]:
        return await api.remember("green tea"), await api.recall_cxd("tea", limit=5), api.think_with_memory("hm")

    return asyncio.run(everything())


COUNTED = {
    "memmimic_memories_stored_total": 1,
    "memmimic_storage_duration_seconds_count": 1,
    "memmimic_searches_total": 1,
    "memmimic_memories_retrieved_total": 1,
    "memmimic_search_duration_seconds_count": 1,
    "memmimic_cxd_classifications_total": 1,
    "memmimic_cxd_classification_duration_seconds_count": 1,
}


@pytest.mark.parametrize("times", [1, 2])
def test_each_operation_counts_once_however_often_instrumented_and_through_how_many_layers(times: int) -> None:
    api = Api()
    for _ in range(times):
        client.instrument(api)
    before = {name: count(name) for name in COUNTED}
    assert run(api) == (1, ["green tea"], "HM")
    assert {name: count(name) - before[name] for name in COUNTED} == COUNTED


def test_every_operation_of_the_api_is_timed_by_its_name() -> None:
    api = Api()
    client.instrument(api)
    names = ("remember", "recall_cxd", "think_with_memory")
    before = [count("memmimic_operation_duration_seconds_count", operation=name) for name in names]
    run(api)
    after = [count("memmimic_operation_duration_seconds_count", operation=name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1]


def test_a_method_stays_what_it_was_to_those_who_look_at_it() -> None:
    api = Api()
    assert set(client.instrument(api)) >= {"remember", "recall_cxd", "think_with_memory", "cxd.classify"}
    assert inspect.iscoroutinefunction(api.remember)
    assert not inspect.iscoroutinefunction(api.think_with_memory)
    assert api.remember.__doc__ == "Store + auto-classify."
    assert list(inspect.signature(api.recall_cxd).parameters) == ["query", "limit"]


def test_an_error_reaches_the_caller_and_counts_once_where_it_came_from() -> None:
    api = Api()
    client.instrument(api)
    before = {c: count("memmimic_errors_total", component=c) for c in ("cxd", "storage")}
    stored = count("memmimic_memories_stored_total")
    with pytest.raises(ValueError, match="nothing to classify"):
        asyncio.run(api.remember(""))
    assert count("memmimic_errors_total", component="cxd") == before["cxd"] + 1
    assert count("memmimic_errors_total", component="storage") == before["storage"]
    assert count("memmimic_memories_stored_total") == stored


def test_a_failing_hook_does_not_break_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    client.instrument(api)

    def broken(*_: object) -> None:
        raise RuntimeError("no metric today")

    failed = count("memmon_client_hook_errors_total")
    with monkeypatch.context() as patch:
        patch.setattr(registry, "histogram", broken)
        assert run(api) == (1, ["green tea"], "HM")
    assert count("memmon_client_hook_errors_total") > failed


def test_what_cannot_be_wrapped_is_left_as_it_is() -> None:
    class Fixed:
        __slots__ = ()

        def search(self, query: str) -> list[str]:
            return [query]

        @property
        def remember(self) -> None:
            raise RuntimeError("not now")

    api = Fixed()
    assert client.instrument(api) == []
    assert api.search("x") == ["x"]


def test_an_api_without_a_method_has_no_metric_for_it(new_page: Any) -> None:
    class OnlySearch:
        def search(self, query: str) -> tuple[str, ...]:
            return (query, query)

    api = OnlySearch()
    assert client.instrument(api) == ["search"]
    assert value("memmimic_searches_total") == 0
    api.search("x")
    assert value("memmimic_searches_total") == 1
    assert value("memmimic_memories_retrieved_total") == 2
    assert value("memmimic_memories_stored_total") is None
    assert value("memmimic_cxd_classifications_total") is None
    assert value("memmimic_errors_total", component="storage") is None
