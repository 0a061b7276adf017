"""Store the memory of a component's process as files below MEMMON_HOME that only memmon's user can
read.

Parameters: component (api), target, and include, a list of: objects (counts and sizes by type, and
thread stacks, by memmon.client in the process), stacks (every thread, by py-spy, which works on a
hanging process), map (memory mappings, from /proc), core (a full dump, by gcore of gdb). Default:
objects, stacks and map. An unavailable section is written as missing; if all are missing the action
fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memmon import encode
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents import evidence
from memmon.incidents.actions import base, component
from memmon.incidents.actions.base import Action, ActionCall, ParameterKind

_UNFIT = re.compile(r"[^\w.-]", re.ASCII)


def act(ctx: Context, call: ActionCall) -> str:
    """Write the available sections; return their files and the missing sections."""
    sections = call.parameters.get("include") or ("objects", "stacks", "map")
    written, missing = [], []
    for name in sections:
        try:
            written.append(PARTS[name](ctx, call))
        except (Transient, Permanent, OSError) as error:
            missing.append(f"{name} ({error})")
    if not written:
        raise Permanent(f"all sections are unavailable: {'; '.join(missing)}")
    return f"kept {', '.join(written)}" + (f"; unavailable: {'; '.join(missing)}" if missing else "")


def _objects(ctx: Context, call: ActionCall) -> str:
    answers, failed = base.ask(base.clients(ctx, call), "GET", "memory")
    if failed and not answers:
        raise Transient("; ".join(failed.values()))
    return _write(
        ctx, call, "objects.json", encode.dumps({**answers, **{n: {"missing": e} for n, e in failed.items()}}, 1)
    )


def _stacks(ctx: Context, call: ActionCall) -> str:
    program = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise Permanent("py-spy is not installed")
    return _write(ctx, call, "stacks.txt", _output(call, [program, "dump", "--pid", str(_pid(ctx, call))]))


def _map(ctx: Context, call: ActionCall) -> str:
    pid = _pid(ctx, call)
    text = Path(f"/proc/{pid}/status").read_text(errors="replace") + Path(f"/proc/{pid}/smaps").read_text(
        errors="replace"
    )
    return _write(ctx, call, "map.txt", text)


def _core(ctx: Context, call: ActionCall) -> str:
    program = shutil.which("gcore")
    if program is None:
        raise Permanent("gcore (of gdb) is not installed")
    folder, pid = evidence.folder(ctx.settings, call.incident_id), _pid(ctx, call)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / _name(call, "core")
    _output(call, [program, "-o", str(path), str(pid)])
    written = path.with_name(f"{path.name}.{pid}")
    written.chmod(0o600)
    return str(written.relative_to(ctx.settings.home))


PARTS: dict[str, Callable[[Context, ActionCall], str]] = {
    "objects": _objects,
    "stacks": _stacks,
    "map": _map,
    "core": _core,
}


def _pid(ctx: Context, call: ActionCall) -> int:
    part = component.part(ctx, call)
    return component.control(part).pid(ctx, part)


def _output(call: ActionCall, words: list[str]) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=call.timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Transient(f"{Path(words[0]).name} did not end within {call.timeout:g} s") from error
    if done.returncode:
        raise Permanent(f"{Path(words[0]).name}: {(done.stderr or done.stdout).strip()[-300:] or done.returncode}")
    return done.stdout


def _name(call: ActionCall, kind: str) -> str:
    return f"{_UNFIT.sub('-', call.key)}-{kind}"


def _write(ctx: Context, call: ActionCall, kind: str, text: str) -> str:
    path = evidence.write(ctx.settings, call.incident_id, _name(call, kind), text)
    return str(path.relative_to(ctx.settings.home))


def _is_include(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(section in list(PARTS) for section in value)


INCLUDE = ParameterKind(f"a list of {', '.join(PARTS)}", _is_include)

ACTION = Action(act, subject=component.subject, takes={**component.TAKES, "include": INCLUDE})
