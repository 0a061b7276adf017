"""Helpers for code that owns a cache, a connection pool or a database."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from memmon.client import registry

RECENT_SECONDS = 300.0

_COUNTED = "_memmon_counted"


class ObservedObjects(Collector):
    """Collects the observed objects at scrape time. An object that raises is left out."""

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self.caches: list[Any] = []
        self.pools: list[tuple[Callable[[], int], Callable[[], int]]] = []
        self._now = now
        self._lock = threading.Lock()
        self._looks: deque[tuple[float, float, float]] = deque(maxlen=1000)

    def collect(self) -> Iterator[Metric]:
        yield from registry.quietly(self._of_caches)() or ()
        yield from registry.quietly(self._of_pools)() or ()

    def _of_caches(self) -> list[Metric]:
        metrics: list[Metric] = []
        for name, about, attribute in (
            ("memmimic_cache_size_bytes", "Size of the caches, in bytes", "size_bytes"),
            ("memmimic_cache_entries", "Entries in the caches", "__len__"),
        ):
            value = _total(self.caches, attribute)
            if value is not None:
                metrics.append(GaugeMetricFamily(name, about, value))
        hits, misses = _total(self.caches, "hits"), _total(self.caches, "misses")
        if hits is None or misses is None:
            return metrics
        metrics.append(CounterMetricFamily("memmimic_cache_hits", "Look-ups that the caches answered", hits))
        metrics.append(CounterMetricFamily("memmimic_cache_misses", "Look-ups that the caches did not answer", misses))
        rate = self._recent_rate(hits, misses)
        if rate is not None:
            about = "Share of look-ups of the last 5 minutes that the caches answered"
            metrics.append(GaugeMetricFamily("memmimic_cache_hit_rate", about, rate))
        return metrics

    def _recent_rate(self, hits: float, misses: float) -> float | None:
        """Return the share of hits since the look five minutes ago, or since the first; None
        without a look-up.
        """
        with self._lock:
            return self._rate_at(self._now(), hits, misses)

    def _rate_at(self, now: float, hits: float, misses: float) -> float | None:
        while len(self._looks) > 1 and self._looks[1][0] <= now - RECENT_SECONDS:
            self._looks.popleft()
        _, hits_then, misses_then = self._looks[0] if self._looks else (now, 0.0, 0.0)
        self._looks.append((now, hits, misses))
        looked_up = hits - hits_then + misses - misses_then
        return (hits - hits_then) / looked_up if looked_up > 0 else None

    def _of_pools(self) -> list[Metric]:
        if not self.pools:
            return []
        active = sum(count() for count, _ in self.pools)
        return [
            GaugeMetricFamily("memmimic_db_connections_active", "Database connections in use", active),
            GaugeMetricFamily(
                "memmimic_db_connections_max",
                "Database connections that may be in use",
                sum(most() for _, most in self.pools),
            ),
        ]


_watched = ObservedObjects()
registry.REGISTRY.register(_watched)


def watch_cache(cache: Any) -> None:
    """Show a cache's entries, and its `size_bytes`, `hits` and `misses` where it has them; its
    `clear()` can be called for.
    """
    if not any(watched is cache for watched in _watched.caches):
        _watched.caches.append(cache)


def watch_pool(active: Callable[[], int], maximum: int | Callable[[], int]) -> None:
    """Show how many connections are in use (`active` is asked when the page is made) and how many
    may be.
    """
    _watched.pools.append((active, maximum if callable(maximum) else lambda: maximum))


def clear_caches() -> int:
    """Empty every watched cache that can be; return how many entries were in them."""
    return sum(registry.quietly(_clear)(cache) or 0 for cache in _watched.caches)


def _clear(cache: Any) -> int:
    entries = len(cache)
    cache.clear()
    return entries


@contextmanager
def query_timer() -> Iterator[None]:
    """Time one database query, count it, and count it as an error of the database when it
    raises.
    """
    began = time.perf_counter()
    try:
        yield
    except Exception as error:
        count_error("database", error)
        raise
    finally:
        _count_query(time.perf_counter() - began)


@registry.quietly
def _count_query(seconds: float) -> None:
    # It is there, with 0, from the first query on: an increase needs two samples.
    registry.errors("database")
    registry.counter("memmimic_db_queries_total", "Database queries").inc()
    registry.histogram("memmimic_db_query_duration_seconds", "Time of database queries, in seconds").observe(seconds)


@registry.quietly
def count_error(component: str, error: BaseException) -> None:
    """Count an error once, where it came from, however many hooks it passes on its way up."""
    if getattr(error, _COUNTED, False):
        return
    registry.errors(component).inc()
    # An exception without a __dict__ is then counted by every hook; that is still no harm to the
    # host.
    setattr(error, _COUNTED, True)


def _total(pools: Iterable[Any], attribute: str) -> float | None:
    """Return the sum of `attribute` over the parts that have it, None where none has."""
    values = [getattr(part, attribute) for part in pools if hasattr(part, attribute)]
    return float(sum(value() if callable(value) else value for value in values)) if values else None
