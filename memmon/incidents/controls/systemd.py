"""Units of systemd, by systemctl. `unit` is a unit; memmon's user needs the right to restart it
(polkit).
"""

from __future__ import annotations

import subprocess

from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.controls.base import Control, ControlledComponent


def restart(ctx: Context, part: ControlledComponent) -> str:
    """Restart the unit."""
    _systemctl(part, "restart", "--", part.unit)
    return f"restarted {part.unit}"


def identity(ctx: Context, part: ControlledComponent) -> str | None:
    """Return the unit's invocation (systemd.exec(5), INVOCATION_ID), another one at each start."""
    return _systemctl(part, "show", "--property", "InvocationID", "--value", "--", part.unit).strip() or None


def pid(ctx: Context, part: ControlledComponent) -> int:
    """Return the pid of its main process."""
    text = _systemctl(part, "show", "--property", "MainPID", "--value", "--", part.unit).strip()
    if not text.isdecimal() or int(text) == 0:
        raise Permanent(f"{part.unit} has no main process")
    return int(text)


def _systemctl(part: ControlledComponent, *words: str) -> str:
    command = f"systemctl {words[0]} {part.unit}"
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=part.seconds, check=False)
    except OSError as error:
        raise Permanent(f"systemctl cannot be run here: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Transient(f"{command} did not end within {part.seconds:g} s") from error
    if done.returncode:
        raise Permanent(f"{command}: {done.stderr.strip() or done.returncode}")
    return done.stdout


CONTROL = Control(restart=restart, identity=identity, pid=pid)
