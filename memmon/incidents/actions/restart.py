"""Restart a component of the target. Parameters: component (api), target."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from memmon import outbound, supervisor
from memmon.config.targets import Component
from memmon.context import Context
from memmon.errors import NotFound, Permanent, Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, Call


def act(ctx: Context, call: Call) -> str:
    """Restart it, and say what it was and is."""
    component = _component(ctx, call)
    return CONTROLS[component.control](ctx, component.unit, call.timeout)


def before(ctx: Context, call: Call) -> dict[str, Any]:
    """Return the process that runs now, where the control tells."""
    component = _component(ctx, call)
    return {"pid": _pid(ctx, component.unit)} if component.control == "supervisor" else {}


def probe(ctx: Context, call: Call, before: Mapping[str, Any]) -> str | None:
    """Another process than before means that it was restarted. Where that cannot be seen it is restarted again."""
    pid = before.get("pid")
    now = _pid(ctx, _component(ctx, call).unit) if pid is not None else 0
    return f"restarted: pid {pid} -> {now}" if now and now != pid else None


def _component(ctx: Context, call: Call) -> Component:
    target = base.target(ctx, call)
    name = base.text(call, "component", "api")
    found = target.components.get(name)
    if found is None:
        raise Permanent(f"target {target.name} has no component {name} in targets.yml")
    return found


def _pid(ctx: Context, unit: str) -> int:
    known = {process.name: process for process in supervisor.processes(ctx.settings.supervisor_socket)}
    return known[unit].pid if unit in known else 0


def _by_supervisor(ctx: Context, unit: str, seconds: float) -> str:
    try:
        old, new = supervisor.restart(ctx.settings.supervisor_socket, unit)
    except NotFound as error:
        raise Permanent(str(error)) from error
    return f"restarted {unit}: pid {old or 'none'} -> {new}"


def _by_systemd(ctx: Context, unit: str, seconds: float) -> str:
    try:
        done = subprocess.run(
            ["systemctl", "restart", "--", unit], capture_output=True, text=True, timeout=seconds, check=False
        )
    except OSError as error:
        raise Permanent(f"systemctl cannot be run here: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Transient(f"systemctl restart {unit} did not end within {seconds:g} s") from error
    if done.returncode:
        raise Permanent(f"systemctl restart {unit}: {done.stderr.strip() or done.returncode}")
    return f"restarted {unit}"


def _by_http(ctx: Context, unit: str, seconds: float) -> str:
    # The operator wrote the address, so it may be a private one.
    answer = outbound.request("POST", unit, timeout=seconds, allow_private=True)
    if answer.status >= 500:
        raise Transient(f"restart endpoint answered {answer.status}")
    if answer.status >= 300:
        raise Permanent(f"restart endpoint answered {answer.status}")
    return f"restart endpoint answered {answer.status}"


CONTROLS: dict[str, Callable[[Context, str, float], str]] = {
    "supervisor": _by_supervisor,
    "systemd": _by_systemd,
    "http": _by_http,
}

ACTION = Action(act, before, probe, {"component": base.TEXT, "target": base.TEXT})
