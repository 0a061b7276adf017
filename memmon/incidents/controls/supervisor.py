"""Programs of memmon's own supervisor, by its XML-RPC socket. `unit` is a program."""

from __future__ import annotations

from memmon import supervisor
from memmon.context import Context
from memmon.errors import NotFound, Permanent
from memmon.incidents.controls.base import Control, ControlledComponent


def restart(ctx: Context, part: ControlledComponent) -> str:
    """Stop the program and start it again."""
    try:
        old, new = supervisor.restart(ctx.settings.supervisor_socket, part.unit)
    except NotFound as error:
        raise Permanent(str(error)) from error
    return f"restarted {part.unit}: pid {old or 'none'} -> {new}"


def identity(ctx: Context, part: ControlledComponent) -> str | None:
    """Return its pid; none while it does not run."""
    return str(_pid(ctx, part) or "none")


def pid(ctx: Context, part: ControlledComponent) -> int:
    """Return its pid; Permanent while it does not run."""
    process_id = _pid(ctx, part)
    if not process_id:
        raise Permanent(f"{part.unit} does not run")
    return process_id


def _pid(ctx: Context, part: ControlledComponent) -> int:
    processes = {process.name: process for process in supervisor.processes(ctx.settings.supervisor_socket)}
    return processes[part.unit].pid if part.unit in processes else 0


CONTROL = Control(restart=restart, identity=identity, pid=pid)
