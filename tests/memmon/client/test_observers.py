"""Caches, pools and queries that are watched."""

from __future__ import annotations

import pytest

from memmon import client
from memmon.client import observers
from tests.memmon.client.reading import count, value


class Cache(dict[str, str]):
    def __init__(self, hits: int = 0, misses: int = 0, **stored: str):
        super().__init__(stored)
        self.hits, self.misses, self.size_bytes = hits, misses, 100 * len(stored)


def test_two_caches_are_one_sum(new_page: observers.ObservedObjects) -> None:
    client.watch_cache(Cache(hits=8, misses=2, a="x"))
    client.watch_cache(Cache(hits=1, misses=1, b="y", c="z"))
    assert value("memmimic_cache_hits_total") == 9
    assert value("memmimic_cache_misses_total") == 3
    assert value("memmimic_cache_entries") == 3
    assert value("memmimic_cache_size_bytes") == 300


def test_watching_a_cache_twice_does_no_harm(new_page: observers.ObservedObjects) -> None:
    cache = Cache(a="x")
    client.watch_cache(cache)
    client.watch_cache(cache)
    assert value("memmimic_cache_entries") == 1


def test_what_a_cache_does_not_know_is_absent(new_page: observers.ObservedObjects) -> None:
    client.watch_cache({"a": 1})
    assert value("memmimic_cache_entries") == 1
    for name in ("size_bytes", "hits_total", "misses_total", "hit_rate"):
        assert value(f"memmimic_cache_{name}") is None


def test_nothing_watched_shows_nothing(new_page: observers.ObservedObjects) -> None:
    assert client.page() == b""


def test_the_hit_rate_forgets_what_is_longer_ago_than_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    watched = observers.ObservedObjects(now=lambda: now[0])
    cache = Cache(hits=1000)
    watched.caches.append(cache)

    def rate() -> float | None:
        return next((f.samples[0].value for f in watched.collect() if f.name == "memmimic_cache_hit_rate"), None)

    assert rate() == 1.0
    for _ in range(6):
        now[0] += 60
        cache.misses += 10
        rate()
    assert rate() == 0.0


def test_a_broken_cache_leaves_the_rest_of_the_page(new_page: observers.ObservedObjects) -> None:
    class Broken:
        def __len__(self) -> int:
            raise RuntimeError("no idea")

    client.watch_cache(Broken())
    client.watch_pool(lambda: 3, 8)
    assert value("memmimic_cache_entries") is None
    assert value("memmimic_db_connections_active") == 3
    assert value("memmimic_db_connections_max") == 8


def test_clearing_empties_every_cache_that_can_be_and_counts_entries(new_page: observers.ObservedObjects) -> None:
    first, second = {"a": 1, "b": 2}, {"c": 3}
    client.watch_cache(first)
    client.watch_cache((1, 2, 3))
    client.watch_cache(second)
    assert observers.clear_caches() == 3
    assert (first, second) == ({}, {})


def test_a_query_is_counted_timed_and_its_error_is_the_databases(new_page: observers.ObservedObjects) -> None:
    with client.query_timer():
        pass
    assert value("memmimic_errors_total", component="database") == 0
    with pytest.raises(OSError):
        with client.query_timer():
            raise OSError("disk full")
    assert count("memmimic_db_queries_total") == 2
    assert count("memmimic_db_query_duration_seconds_count") == 2
    assert value("memmimic_errors_total", component="database") == 1
