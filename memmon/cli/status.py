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
    """Show the stack's processes, components, queues, health, alerts and incidents; exit with 1
    when it does not run.
    """
    with context() as ctx:
        stack = running.read(ctx.settings)
        if stack is None and ctx.settings.embedded_redis:
            raise NotFound(f"no stack runs in {ctx.settings.home}; start one with `memmon up`")
        status = analysis.status(ctx)
        status["stack"] = {
            "url": stack.url if stack else None,
            "home": str(ctx.settings.home),
            "log": str(ctx.settings.log_path),
            "processes": _processes(ctx),
        }
    if as_json:
        show_json(status)
    else:
        _show(status)
    if status["system_status"] == "critical" and stack is None:
        sys.exit(1)


def _processes(ctx: Context) -> list[dict[str, Any]]:
    """Return the supervised processes; none where another thing than `memmon up` runs them."""
    try:
        return [process._asdict() for process in supervisor.processes(ctx.settings.supervisor_socket)]
    except Transient:
        return []


def _show(status: dict[str, Any]) -> None:
    stack, out = status["stack"], console()
    out.print("memmon is ", cell(status["system_status"]), sep="", end="\n")
    for name in ("url", "home", "log"):
        out.print(cell(f"  {name:<6} {stack[name] or '-'}"))
    table("Processes", ("name", "state", "pid", "about"), [_process(process) for process in stack["processes"]])
    components = status["components"].items()
    table(
        "Components",
        ("name", "status", "last run"),
        [[n, component["status"], component.get("last_run")] for n, component in components],
    )
    table("Queues", ("name", "waiting", "oldest (s)"), [_queue(queue) for queue in status["queues"]])
    summary = [[name, _brief(status.get(name))] for name in ("health", "alerts", "incidents", "security")]
    table("Now", ("what", "how"), summary)


def _process(process: dict[str, Any]) -> list[Any]:
    return [process["name"], process["state"], process["pid"] or None, process["description"]]


def _queue(queue: dict[str, Any]) -> list[Any]:
    return [queue["name"], queue["depth"], queue["oldest_seconds"]]


def _brief(value: Any) -> str:
    """Return the plain values of a summary on one line."""
    if not isinstance(value, dict):
        return str(value)
    plain = {name: inner for name, inner in value.items() if isinstance(inner, str | int | float)}
    return ", ".join(f"{name.replace('_', ' ')} {inner}" for name, inner in plain.items())
