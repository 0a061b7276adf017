"""Wrap the methods of a MemMimic-like api object in place."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from memmon.client import registry
from memmon.client.observers import count_error

log = logging.getLogger(__name__)


class OperationKind(NamedTuple):
    """What a method does: the component that its errors belong to, its histogram and its
    counter.
    """

    component: str
    histogram: str
    about: str
    counter: str
    counts: str


STORE = OperationKind(
    "storage",
    "memmimic_storage_duration_seconds",
    "Time to store a memory",
    "memmimic_memories_stored_total",
    "Memories stored",
)
SEARCH = OperationKind(
    "search", "memmimic_search_duration_seconds", "Time of a search", "memmimic_searches_total", "Searches"
)
CLASSIFY = OperationKind(
    "cxd",
    "memmimic_cxd_classification_duration_seconds",
    "Time of a CXD classification",
    "memmimic_cxd_classifications_total",
    "CXD classifications",
)

KINDS = {
    **dict.fromkeys(("remember", "remember_with_quality", "store", "store_memory", "add", "add_memory"), STORE),
    **dict.fromkeys(("recall", "recall_cxd", "search", "search_memories"), SEARCH),
    "classify": CLASSIFY,
}
"""Methods that are known by name, of the api or of one of its parts."""

OTHERS = (
    *("think_with_memory", "status", "tales", "save_tale", "load_tale", "delete_tale", "context_tale"),
    *("update_memory_guided", "delete_memory_guided", "analyze_memory_patterns", "socratic_dialogue"),
)
"""The rest of MemMimic's api: counted and timed as operations only."""

PARTS = ("memory", "cxd", "classifier")
"""Attributes of the api whose own methods store, search or classify."""

_MARK = "_memmon_wrapped"
_inside: ContextVar[frozenset[str]] = ContextVar("memmon_inside", default=frozenset())


def instrument(api: Any) -> list[str]:
    """Wrap the known methods of `api` and its components; return the names that are wrapped.
    Idempotent.
    """
    wrap = registry.quietly(_wrap)  # An attribute may be a property that raises.
    wrapped = [name for name in (*KINDS, *OTHERS) if wrap(api, name, KINDS.get(name), operation=True)]
    for part in PARTS:
        inner = getattr(api, part, None)
        if inner is not None:
            wrapped += [f"{part}.{name}" for name, kind in KINDS.items() if wrap(inner, name, kind, operation=False)]
    return wrapped


def _wrap(owner: Any, name: str, kind: OperationKind | None, operation: bool) -> bool:
    method = getattr(owner, name, None)
    if not callable(method):
        return False
    if getattr(method, _MARK, False):
        return True
    component = kind.component if kind else "api"

    @contextmanager
    def hook() -> Iterator[Callable[[Any], None]]:
        with _measured(kind, name if operation else None, component) as done:
            yield done

    wrapped = _async(method, hook) if inspect.iscoroutinefunction(method) else _sync(method, hook)
    setattr(wrapped, _MARK, True)
    try:
        setattr(owner, name, wrapped)
    except AttributeError:  # Slots or a read-only attribute.
        log.warning("%s.%s cannot be wrapped and is not measured", type(owner).__name__, name)
        return False
    _prepare(kind, name if operation else None)
    return True


def _sync(method: Callable[..., Any], hook: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with hook() as done:
            answer = method(*args, **kwargs)
            done(answer)
            return answer

    return wrapped


def _async(method: Callable[..., Any], hook: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        with hook() as done:
            answer = await method(*args, **kwargs)
            done(answer)
            return answer

    return wrapped


@registry.quietly
def _prepare(kind: OperationKind | None, operation: str | None) -> None:
    """Make the metrics of a method that is there: from now on nothing counted is a true 0."""
    registry.errors(kind.component if kind else "api")
    if operation:
        _operations().labels(operation)
    if kind:
        registry.histogram(kind.histogram, f"{kind.about}, in seconds")
        registry.counter(kind.counter, kind.counts)
    if kind is SEARCH:
        registry.counter("memmimic_memories_retrieved_total", "Memories that searches found")


def _operations() -> Any:
    return registry.histogram(
        "memmimic_operation_duration_seconds", "Time of an operation of the api, in seconds", "operation"
    )


@contextmanager
def _measured(kind: OperationKind | None, operation: str | None, component: str) -> Iterator[Callable[[Any], None]]:
    """Time the block. Of nested calls of one kind only the outermost counts."""
    inside = _inside.get()
    first = kind is not None and kind.component not in inside
    answers: list[Any] = []
    token = _inside.set(inside | {component})
    began = time.perf_counter()
    try:
        yield answers.append
    except Exception as error:
        count_error(component, error)
        raise
    finally:
        _inside.reset(token)
        _count(kind if first else None, operation, time.perf_counter() - began, answers)


@registry.quietly
def _count(kind: OperationKind | None, operation: str | None, seconds: float, answers: list[Any]) -> None:
    if operation:
        _operations().labels(operation).observe(seconds)
    if kind is None:
        return
    registry.histogram(kind.histogram, f"{kind.about}, in seconds").observe(seconds)
    if not answers:
        return  # It raised: a search that failed is timed, and an error.
    registry.counter(kind.counter, kind.counts).inc()
    if kind is SEARCH and isinstance(answers[0], list | tuple):
        registry.counter("memmimic_memories_retrieved_total", "Memories that searches found").inc(len(answers[0]))
