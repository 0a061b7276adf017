"""Lets the process that comes to an action's step die there, once for each action, for `celery
worker --include`: CRASH_AT names the step (claim, act or record), CRASH_FLAG is a folder of files
that say which have died.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memmon.incidents import actions, executor

STEP, FOLDER = os.environ["CRASH_AT"], Path(os.environ["CRASH_FLAG"])


def _die(name: str) -> None:
    """End this process as a power cut would, once for this action."""
    try:
        (FOLDER / name).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _before_begin() -> None:
    plain = executor._begin

    def call(ctx: Any, row: Any, *extra: Any) -> bool:
        _die(row.action)  # It is claimed, and nothing else has happened.
        return plain(ctx, row, *extra)

    executor._begin = call


def _around(name: str, act: Callable[..., str]) -> Callable[..., str]:
    def call(ctx: Any, arguments: Any) -> str:
        if STEP == "act":
            _die(name)  # It is written down that it begins.
        output = act(ctx, arguments)
        _die(name)  # It is done, and not recorded.
        return output

    return call


if STEP == "claim":
    _before_begin()
else:
    for name, action in list(actions.ACTIONS.items()):
        actions.ACTIONS[name] = action._replace(act=_around(name, action.act))
