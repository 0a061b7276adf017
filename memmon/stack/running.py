"""What the running stack of a data directory was started with: for every command that is called
beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from memmon import files
from memmon import settings as environment
from memmon.settings import Settings
from memmon.stack import lock

PREFIXES = ("MEMMON_", "MEMMIMIC_")


class Running(NamedTuple):
    """A stack that runs: the process of `memmon up`, the dashboard's address, its own variables,
    and since when it answers.
    """

    pid: int
    url: str
    environ: dict[str, str]
    ready_at: float | None


def write(settings: Settings, running: Running) -> None:
    """Put it down, with its secrets, for the same user only."""
    files.write(_path(settings.run_dir), json.dumps(running._asdict(), indent=1) + "\n")


def read(settings: Settings) -> Running | None:
    """Return the running stack of the data directory, or None."""
    held_by = lock.holder(lock_path(settings))
    try:
        document: dict[str, Any] = json.loads(_path(settings.run_dir).read_text(encoding="utf-8"))
        stack = Running(**document)
    except (OSError, ValueError, TypeError):
        return None
    return stack if held_by and lock.is_alive(stack.pid) else None


def lock_path(settings: Settings) -> Path:
    """Return the lock that keeps two stacks off one data directory."""
    return settings.run_dir / "lock"


def settings_of(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings as the running stack has them, else those of `environ`: a command beside
    it must see the same.
    """
    environ = os.environ if environ is None else environ
    settings = environment.load(environ)
    stack = read(settings)
    if stack is None:
        return settings
    foreign = {name: value for name, value in environ.items() if not name.startswith(PREFIXES)}
    return environment.load({**foreign, **stack.environ})


def _path(run_dir: Path) -> Path:
    return run_dir / "stack.json"
