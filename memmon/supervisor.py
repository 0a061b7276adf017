"""The door to supervisord: which processes of this machine run, and the real restart of one.

Source of the calls: Supervisor's XML-RPC API, over its unix socket (only the user who started it may open that).
"""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from supervisor.xmlrpc import Faults, SupervisorTransport

from memmon.errors import NotFound, Permanent, Transient


class Process(NamedTuple):
    """One process: `state` is Supervisor's (RUNNING, STARTING, BACKOFF, EXITED, FATAL, STOPPED), `pid` is 0 when it does
    not run, `since` is when it was started last (Unix seconds)."""

    name: str
    state: str
    pid: int
    since: float
    description: str


def processes(socket: Path) -> list[Process]:
    """Return every process; raise Transient when no supervisor answers."""
    with _edge(socket) as server:
        found: list[dict[str, Any]] = server.supervisor.getAllProcessInfo()
    return [Process(p["name"], p["statename"], p["pid"], float(p["start"]), p["description"]) for p in found]


def restart(socket: Path, name: str) -> tuple[int, int]:
    """Stop the process called `name` and start it again; return its pid before (0 when it was down) and after.

    Raises NotFound for a name that is unknown, Permanent when it does not come up, Transient when no supervisor answers.
    """
    with _edge(socket, name) as server:
        before = int(server.supervisor.getProcessInfo(name)["pid"])
        try:
            server.supervisor.stopProcess(name, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise
        server.supervisor.startProcess(name, True)
        return before, int(server.supervisor.getProcessInfo(name)["pid"])


def shutdown(socket: Path) -> None:
    """Let the supervisor end all processes and itself; it answers before it has."""
    with _edge(socket) as server:
        server.supervisor.shutdown()


@contextmanager
def _edge(socket: Path, name: str = "") -> Iterator[Any]:
    # The address is never looked at: the transport goes through the socket.
    server = xmlrpc.client.ServerProxy("http://localhost", SupervisorTransport(None, None, f"unix://{socket}"))
    try:
        yield server
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == Faults.BAD_NAME:
            raise NotFound(f"the supervisor knows no process {name}") from fault
        raise Permanent(f"the supervisor refused: {fault.faultString}") from fault
    except (OSError, xmlrpc.client.ProtocolError) as error:
        raise Transient(f"no supervisor answers at {socket}: {error}") from error
