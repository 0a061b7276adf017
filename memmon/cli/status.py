"""`memmon status`: how the running stack is, at a glance."""

from __future__ import annotations

import sys
from typing import Any

import click

from memmon import supervisor
from memmon.analysis import service as analysis
from memmon.cli.common import as_json, cell, console, context, show_json, table
from memmon.context import Context
from memmon.errors import NotFound, Transient
from memmon.stack import running


@click.command()
@as_json
def status(as_json: bool) -> None:
    """Show the stack's processes, components, queues, health, alerts and incidents; exit with 1 when it does not run."""
    with context() as ctx:
        stack = running.read(ctx.settings)
        if stack is None and ctx.settings.embedded_redis:
            raise NotFound(f"no stack runs in {ctx.settings.home}; start one with `memmon up`")
        found = analysis.status(ctx)
        found["stack"] = {
            "url": stack.url if stack else None,
            "home": str(ctx.settings.home),
            "log": str(ctx.settings.log_path),
            "processes": _processes(ctx),
        }
    if as_json:
        show_json(found)
    else:
        _show(found)
    if found["system_status"] == "critical" and stack is None:
        sys.exit(1)


def _processes(ctx: Context) -> list[dict[str, Any]]:
    """Return the supervised processes; none where another thing than `memmon up` runs them."""
    try:
        return [process._asdict() for process in supervisor.processes(ctx.settings.supervisor_socket)]
    except Transient:
        return []


def _show(found: dict[str, Any]) -> None:
    stack, out = found["stack"], console()
    out.print("memmon is ", cell(found["system_status"]), sep="", end="\n")
    for name in ("url", "home", "log"):
        out.print(cell(f"  {name:<6} {stack[name] or '-'}"))
    table("Processes", ("name", "state", "pid", "about"), [_process(one) for one in stack["processes"]])
    components = found["components"].items()
    table(
        "Components", ("name", "status", "last run"), [[n, one["status"], one.get("last_run")] for n, one in components]
    )
    table("Queues", ("name", "waiting", "oldest (s)"), [_queue(one) for one in found["queues"]])
    summary = [[name, _brief(found.get(name))] for name in ("health", "alerts", "incidents", "security")]
    table("Now", ("what", "how"), summary)


def _process(one: dict[str, Any]) -> list[Any]:
    return [one["name"], one["state"], one["pid"] or None, one["description"]]


def _queue(one: dict[str, Any]) -> list[Any]:
    return [one["name"], one["depth"], one["oldest_seconds"]]


def _brief(value: Any) -> str:
    """Return the plain values of a summary on one line."""
    if not isinstance(value, dict):
        return str(value)
    plain = {name: inner for name, inner in value.items() if isinstance(inner, str | int | float)}
    return ", ".join(f"{name.replace('_', ' ')} {inner}" for name, inner in plain.items())
