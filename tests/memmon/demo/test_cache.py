"""The cache of search results."""

from __future__ import annotations

import json

from memmon.demo.cache import Cache, Found


def results_of(text: str) -> Found:
    return [{"content": text}]


def test_hits_and_misses_are_counted() -> None:
    cache = Cache()
    assert cache.get("tea", 10) is None
    cache.put("tea", 10, results_of("x"))
    assert cache.get("tea", 10) == results_of("x")
    assert cache.get("tea", 5) is None
    assert (cache.hits, cache.misses) == (1, 2)


def test_the_longest_unused_goes_first() -> None:
    cache = Cache(entries=2)
    for name in ("a", "b"):
        cache.put(name, 1, [])
    cache.get("a", 1)
    cache.put("c", 1, [])
    assert [cache.get(name, 1) is not None for name in "abc"] == [True, False, True]


def test_it_is_no_larger_than_it_may_be() -> None:
    cache = Cache(size=1000)
    for index in range(100):
        cache.put(f"q{index}", 1, results_of("x" * 100))
    assert 0 < cache.size_bytes <= 1000
    assert len(cache) == cache.size_bytes // (len("q99") + len(json.dumps(results_of("x" * 100))))


def test_its_size_is_that_of_what_it_holds() -> None:
    cache = Cache()
    cache.put("tea", 1, results_of("first"))
    cache.put("tea", 1, results_of("x"))
    assert cache.size_bytes == len("tea") + len(json.dumps(results_of("x")))
    cache.clear()
    assert (cache.size_bytes, len(cache)) == (0, 0)


def test_a_new_memory_drops_the_searches_that_it_belongs_to() -> None:
    cache = Cache()
    for query in ("tea", "tea oslo", "tea rome", "coffee"):
        cache.put(query, 1, [])
    cache.forget_about("Tea in Oslo")
    assert [cache.get(query, 1) is not None for query in ("tea", "tea oslo", "tea rome", "coffee")] == [
        False,
        False,
        True,
        True,
    ]
