"""What this process can say about itself when something is wrong."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import traceback
import tracemalloc
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STARTED_AT = time.time()
MAX_FRAMES = 50
MOST_TYPES = 50


class Recorder:
    """The last requests and errors, bounded."""

    def __init__(self, requests: int = 100, errors: int = 50):
        self.requests: deque[dict[str, Any]] = deque(maxlen=requests)
        self.errors: deque[dict[str, Any]] = deque(maxlen=errors)

    def snapshot(self) -> dict[str, Any]:
        """Return both, oldest first."""
        return {"recent_requests": list(self.requests), "recent_errors": list(self.errors)}


def collect(recorder: Recorder, restrictions: dict[str, Any]) -> dict[str, Any]:
    """Return the state of this process: identity, size, thread stacks, and recent requests."""
    return {
        "pid": os.getpid(),
        "started_at": STARTED_AT,
        "memory_bytes": memory_bytes(),
        "threads": threads(),
        "restrictions": restrictions,
        **recorder.snapshot(),
    }


def memory() -> dict[str, Any]:
    """Return what this process' memory holds: how many objects of which type and how large they are
    themselves, the largest first, the collector's counts, and the lines that asked for most where
    tracemalloc traces.
    """
    counted: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for tracked in gc.get_objects():
        kind = type(tracked)
        name = f"{kind.__module__}.{kind.__qualname__}"
        counted[name] += 1
        sizes[name] += sys.getsizeof(tracked, 0)
    largest = [{"type": name, "count": counted[name], "bytes": size} for name, size in sizes.most_common(MOST_TYPES)]
    return {
        "pid": os.getpid(),
        "memory_bytes": memory_bytes(),
        "objects": sum(counted.values()),
        "largest": largest,
        "garbage_collector": gc.get_stats(),
        "traced": _traced(),
        "threads": threads(),
    }


def _traced() -> list[str]:
    if not tracemalloc.is_tracing():
        return []
    return [str(statistic) for statistic in tracemalloc.take_snapshot().statistics("lineno")[:MOST_TYPES]]


def memory_bytes() -> int | None:
    """Return the resident memory of this process, None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def threads() -> dict[str, list[str]]:
    """Return the stack of every thread by its name, innermost call last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return {f"{names.get(ident, '?')} ({ident})": _lines(frame) for ident, frame in sys._current_frames().items()}


def _lines(frame: Any) -> list[str]:
    stack: Iterable[traceback.FrameSummary] = traceback.extract_stack(frame, MAX_FRAMES)
    return [f"{frame.filename}:{frame.lineno} {frame.name}: {frame.line}" for frame in stack]
