"""Store the current state as a file below MEMMON_HOME that only memmon's user can read.

Parameters: target, and include, a list of these parts (all by default): alerts, metrics, health,
targets, events, log, client (threads and last requests of the target's process).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from typing import Any

from memmon import encode
from memmon.alerts import service as alerts
from memmon.collect import service as collect
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.health import service as health
from memmon.incidents import evidence
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, ActionCall, ParameterKind
from memmon.metrics import service as metrics
from memmon.security import service as security

log = logging.getLogger(__name__)

LOG_BYTES = 64 << 10

_UNFIT = re.compile(r"[^\w.-]", re.ASCII)


def act(ctx: Context, call: ActionCall) -> str:
    """Collect the sections and write them; an unavailable section is written as missing with the
    reason.
    """
    sections = call.parameters.get("include") or list(PARTS)
    unknown = [name for name in sections if name not in PARTS]
    if unknown:
        raise Permanent(f"include: {unknown[0]} is not one of {', '.join(PARTS)}")
    document: dict[str, Any] = {"incident": call.incident_id, "at": encode.iso(ctx.now()), "labels": dict(call.labels)}
    missing = []
    for name in sections:
        try:
            document[name] = PARTS[name](ctx, call)
        except Exception as error:  # One failing section must not lose the others.
            log.info("incident %d: %s is unavailable", call.incident_id, name, exc_info=error)
            document[name] = {"missing": str(error) or repr(error)}
            missing.append(name)
    try:
        name = f"{_UNFIT.sub('-', call.key)}.json"
        path = evidence.write(ctx.settings, call.incident_id, name, encode.dumps(document, indent=1))
    except OSError as error:
        raise Transient(f"the evidence cannot be written: {error}") from error
    return f"kept {path.relative_to(ctx.settings.home)}" + (f"; unavailable: {', '.join(missing)}" if missing else "")


def _client(ctx: Context, call: ActionCall) -> Any:
    answers, failed = base.ask(base.clients(ctx, call), "GET", "evidence")
    if failed and not answers:
        raise Transient("; ".join(failed.values()))
    return {**answers, **{name: {"missing": error} for name, error in failed.items()}}


def _log(ctx: Context, call: ActionCall) -> list[str]:
    with ctx.settings.log_path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - LOG_BYTES))
        return file.read().decode(errors="replace").splitlines()


PARTS: dict[str, Callable[[Context, ActionCall], Any]] = {
    "alerts": lambda ctx, call: alerts.active(ctx),
    "metrics": lambda ctx, call: metrics.current(ctx),
    "health": lambda ctx, call: health.report(ctx),
    "targets": lambda ctx, call: collect.targets(ctx),
    "events": lambda ctx, call: security.overview(ctx, 100),
    "log": _log,
    "client": _client,
}

INCLUDE = ParameterKind(
    f"a list of {', '.join(PARTS)}",
    lambda value: isinstance(value, list) and all(section in list(PARTS) for section in value),
)

ACTION = Action(act, takes={"target": base.TEXT, "include": INCLUDE})
