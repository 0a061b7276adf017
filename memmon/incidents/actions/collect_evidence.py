"""Keep what is known now, as a file below MEMMON_HOME that only memmon's user can read.

Parameters: target, and include, a list of these parts (all by default): alerts, metrics, health, targets, events, log, client
(threads and last requests of the target's process).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from memmon import encode
from memmon.alerts import service as alerts
from memmon.collect import service as collect
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.health import service as health
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, Call
from memmon.metrics import service as metrics
from memmon.security import client
from memmon.security import service as security

LOG_BYTES = 64 << 10


def act(ctx: Context, call: Call) -> str:
    """Gather the parts and write them down; a part that cannot be had is written down as missing, with the reason."""
    wanted = call.parameters.get("include") or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise Permanent(f"include: {unknown[0]} is none of {', '.join(PARTS)}")
    found: dict[str, Any] = {"incident": call.incident_id, "at": encode.iso(ctx.now()), "labels": dict(call.labels)}
    missing = []
    for name in wanted:
        try:
            found[name] = PARTS[name](ctx, call)
        except (Transient, Permanent, OSError) as error:
            found[name] = {"missing": str(error)}
            missing.append(name)
    path = _write(ctx, call, encode.dumps(found, indent=1))
    return f"kept {path}" + (f"; could not be had: {', '.join(missing)}" if missing else "")


def _write(ctx: Context, call: Call, text: str) -> str:
    folder = ctx.settings.home / "evidence" / f"incident-{call.incident_id}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{call.key.replace('/', '-')}.json"
    draft = path.with_suffix(".part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return str(path.relative_to(ctx.settings.home))


def _client(ctx: Context, call: Call) -> Any:
    return {target.name: client.call(target, "GET", "evidence") for target in base.clients(ctx, call)}


def _log(ctx: Context, call: Call) -> list[str]:
    with ctx.settings.log_path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - LOG_BYTES))
        return file.read().decode(errors="replace").splitlines()


PARTS: dict[str, Callable[[Context, Call], Any]] = {
    "alerts": lambda ctx, call: alerts.active(ctx),
    "metrics": lambda ctx, call: metrics.current(ctx),
    "health": lambda ctx, call: health.report(ctx),
    "targets": lambda ctx, call: collect.targets(ctx),
    "events": lambda ctx, call: security.overview(ctx, 100),
    "log": _log,
    "client": _client,
}

ACTION = Action(act)
