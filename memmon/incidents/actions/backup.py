"""Copy the target's database to a file below MEMMON_HOME, and look whether the copy is sound.
Parameters: target.

The copy is SQLite's own online backup, which writers may go on beside; it is checked (PRAGMA
integrity_check), and its SHA-256 is written down. Only memmon's user can read it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from memmon import memmimic
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, ActionCall

_UNFIT = re.compile(r"[^\w.-]", re.ASCII)


def act(ctx: Context, call: ActionCall) -> str:
    """Make the copy, and say where it is; one of the same action is made anew."""
    target = base.target(ctx, call)
    if target.database is None:
        raise Permanent(f"target {target.name} has no database in targets.yml")
    path = _path(ctx, target.name, call.key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _enough_room(target.database, path)
        draft = path.with_suffix(".part")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        memmimic.copy(target.database, draft, call.timeout)
        size, digest = draft.stat().st_size, _digest(draft)
        draft.replace(path)
    except OSError as error:
        raise Transient(f"the backup cannot be written: {error}") from error
    return f"kept {path.relative_to(ctx.settings.home)}, {size} bytes, sound, sha256 {digest}"


def probe(ctx: Context, call: ActionCall) -> str | None:
    """It was made when the file is there under its last name."""
    path = _path(ctx, base.target(ctx, call).name, call.key)
    return f"kept {path.relative_to(ctx.settings.home)}, {path.stat().st_size} bytes" if path.exists() else None


def _path(ctx: Context, name: str, key: str) -> Path:
    return ctx.settings.home / "backups" / _UNFIT.sub("-", name) / f"{_UNFIT.sub('-', key)}.db"


def _enough_room(source: Path, path: Path) -> None:
    """A full disk would stop everything else too."""
    needed = source.stat().st_size
    free = shutil.disk_usage(path.parent).free
    if free < 2 * needed:
        raise Permanent(f"the copy needs {needed} bytes, and {free} are free: twice as much is asked for")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


ACTION = Action(act, probe=probe, subject=base.target_subject)
