"""Waits until every part of a stack answers, and says which one does not."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from memmon import supervisor
from memmon.collect import broker
from memmon.errors import MemmonError, Transient
from memmon.settings import Settings
from memmon.stack.preparation import StackPlan
from memmon.state import client, keys

PATIENCE = 60.0
_EVERY = 0.15
_TROUBLES = 20
"""Looks, half of them a moment apart, at a program that is down: it has been started anew several
times by then.
"""
_TAIL = 15


class NotReady(MemmonError):
    """A part of the stack does not start; the message names it, with the end of its output."""


def wait(plan: StackPlan, began: float, alive: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Return once everything answers; raise NotReady as soon as that is not to be expected any
    more.
    """
    waiting = {program.name for program in plan.programs}
    troubles: Counter[str] = Counter()
    redis = client.connect(plan.settings.redis_address)
    deadline = time.monotonic() + patience
    try:
        while waiting:
            states = _states(plan.settings)
            for name in _worth_asking(waiting):
                if states.get(name) == "RUNNING" and _answers(plan, name, redis, began):
                    waiting.discard(name)
                elif states.get(name) in ("BACKOFF", "EXITED", "FATAL"):
                    troubles[name] += 1
            failed = next((name for name in sorted(waiting) if troubles[name] >= _TROUBLES), None)
            if not alive():
                raise NotReady(f"the supervisor ended\n{_tail(plan.settings.run_dir / 'supervisord.log')}")
            if failed or time.monotonic() > deadline:
                name = failed or sorted(waiting)[0]
                raise NotReady(
                    f"{name} does not come up ({states.get(name, 'not started')}); the end of its output:\n"
                    f"{_tail(plan.settings.run_dir / f'{name}.out')}"
                )
            time.sleep(_EVERY if waiting else 0)
    finally:
        redis.close()


def _worth_asking(waiting: set[str]) -> list[str]:
    """Return who is waited for, the broker alone while that is: the others cannot say anything
    without it.
    """
    return ["valkey"] if "valkey" in waiting else sorted(waiting)


def _states(settings: Settings) -> dict[str, str]:
    try:
        return {process.name: process.state for process in supervisor.processes(settings.supervisor_socket)}
    except Transient:
        return {}  # It has not opened its socket yet.


def _answers(plan: StackPlan, name: str, redis: Redis, began: float) -> bool:
    """Tell whether the program that runs does its work."""
    try:
        if name == "valkey":
            with client.edge():
                return bool(redis.ping())
        if name == "beat":
            with client.edge():
                return bool(redis.exists(keys.beat_lock()))
        if name == "dashboard":
            return _serves(f"{plan.url}/api/health")
        if name == "demo":
            return _serves(f"{plan.settings.demo_url}/metrics")
        return any(w["name"].startswith(f"{name}@") and w["at"] >= began for w in broker.workers(redis, time.time()))
    except Transient:
        return False


def _serves(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)  # It answers, though not to us.
    except (OSError, ValueError):
        return False


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "  (nothing)"
    return "\n".join(f"  {line}" for line in lines[-_TAIL:]) or "  (nothing)"
