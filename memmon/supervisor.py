"""The door to supervisord: which processes of this machine run, and the real restart of one.

Source of the calls: Supervisor's XML-RPC API, over its unix socket (only the user who started it
may open that).
"""

from __future__ import annotations

import http.client
import socket as sockets
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError

from supervisor.xmlrpc import Faults, SupervisorTransport

from memmon.errors import NotFound, Permanent, Transient

ANSWERS_WITHIN = 5.0
RESTARTS_WITHIN = 45.0
"""Seconds for one call; that which stops or starts a process waits for it, and a worker's task ends
after 50.
"""


class Process(NamedTuple):
    """One process: `state` is Supervisor's (RUNNING, STARTING, BACKOFF, EXITED, FATAL, STOPPED),
    `pid` is 0 when it does not run, `since` is when it was started last (Unix seconds).
    """

    name: str
    state: str
    pid: int
    since: float
    description: str


def processes(socket: Path) -> list[Process]:
    """Return every process; raise Transient when no supervisor answers."""
    with _edge(socket, ANSWERS_WITHIN) as server:
        processes_: list[dict[str, Any]] = server.supervisor.getAllProcessInfo()
    return [Process(p["name"], p["statename"], p["pid"], float(p["start"]), p["description"]) for p in processes_]


def restart(socket: Path, name: str) -> tuple[int, int]:
    """Stop the process called `name` and start it again; return its pid before (0 when it was down)
    and after.

    Raises NotFound for a name that is unknown, Permanent when it does not come up, Transient when
    no supervisor answers.
    """
    with _edge(socket, RESTARTS_WITHIN, name) as server:
        before = int(server.supervisor.getProcessInfo(name)["pid"])
        try:
            server.supervisor.stopProcess(name, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise
        try:
            server.supervisor.startProcess(name, True)
        except xmlrpc.client.Fault as fault:
            # Another caller restarted it first: it was down, and runs again.
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise
        return before, int(server.supervisor.getProcessInfo(name)["pid"])


class _Transport(SupervisorTransport):  # type: ignore[misc]
    """Supervisor's own, with a time limit: its connection has none, and one that hangs would hang
    its caller.
    """

    def __init__(self, path: Path, seconds: float):
        super().__init__(None, None, f"unix://{path}")
        self._get_connection = lambda: _Connection(path, seconds)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float):
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@contextmanager
def _edge(socket: Path, seconds: float, name: str = "") -> Iterator[Any]:
    transport = _Transport(socket, seconds)
    try:
        # The address is unused: the transport connects through the socket.
        yield xmlrpc.client.ServerProxy("http://localhost", transport)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == Faults.BAD_NAME:
            raise NotFound(f"the supervisor knows no process {name}") from fault
        raise Permanent(f"the supervisor refused: {fault.faultString}") from fault
    except (OSError, xmlrpc.client.Error, http.client.HTTPException, ExpatError) as error:
        raise Transient(f"no supervisor answers at {socket}: {error}") from error
    finally:
        transport.close()
