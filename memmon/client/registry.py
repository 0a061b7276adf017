"""The metrics of this process, in a registry of our own, so that the host's default one stays
untouched.

A metric comes into being with the first hook that can measure it: what nothing measures is absent.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5, 10.0, 30.0),
)
"""Seconds; narrow around 1 and 5, which the default rules compare with."""

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

T = TypeVar("T")
_made: dict[str, Any] = {}
_lock = threading.Lock()


class _WithoutCreated(Collector):
    """The registry less the `_created` series, of which text format 0.0.4 would make a gauge
    each.
    """

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family


def page() -> bytes:
    """Return the page of this process in text format 0.0.4."""
    return generate_latest(_WithoutCreated())


def counter(name: str, about: str, *labels: str) -> Counter:
    """Return the counter called `name`, made at its first use."""
    counter: Counter = _once(name, lambda: Counter(name, about, labels, registry=REGISTRY))
    return counter


def histogram(name: str, about: str, *labels: str) -> Histogram:
    """Return the histogram of seconds called `name`, made at its first use."""
    histogram: Histogram = _once(name, lambda: Histogram(name, about, labels, registry=REGISTRY, buckets=BUCKETS))
    return histogram


def _once(name: str, make: Callable[[], Any]) -> Any:
    with _lock:
        if name not in _made:
            _made[name] = make()
        return _made[name]


def errors(component: str) -> Any:
    """Return the counter of errors in `component`."""
    return counter("memmimic_errors_total", "Errors, by the component that they came from", "component").labels(
        component
    )


def quietly(function: Callable[..., T]) -> Callable[..., T | None]:
    """Make a failing hook return None, because the host's call must continue."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception:
            log.debug("hook %s failed", function.__qualname__, exc_info=True)
            counter("memmon_client_hook_errors_total", "Hooks of memmon.client that failed").inc()
            return None

    return guarded
