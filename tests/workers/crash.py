"""Kills the first worker that reaches a step, for `celery worker --include`: CRASH_AT names the
step, CRASH_FLAG is a file that records the crash.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memmon.alerts import evaluation
from memmon.notify import service

STEP, FLAG = os.environ["CRASH_AT"], Path(os.environ["CRASH_FLAG"])


def _die() -> None:
    """End this process as a power cut would, once for all workers."""
    try:
        FLAG.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _after(module: Any, name: str) -> None:
    """Die after a function returned, before its caller continues."""
    plain: Callable[..., Any] = getattr(module, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        actual = plain(*args, **kwargs)
        if actual:
            _die()
        return actual

    setattr(module, name, call)


def _before(module: Any, name: str) -> None:
    """Die instead of calling a function."""
    plain: Callable[..., Any] = getattr(module, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        _die()
        return plain(*args, **kwargs)

    setattr(module, name, call)


match STEP:
    case "evaluate":
        # The alerts are committed; no notification was sent, and the lease is active.
        _after(evaluation.lifecycle, "apply_results")
    case "place":
        _after(service.routing, "place")
    case "flush":
        _after(service.routing, "flush")
    case "send":
        _before(service, "_send")
    case "record":
        _after(service, "_send")
