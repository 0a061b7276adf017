"""`MonitoringServer`: starts memmon from MemMimic's own process, as processes beside it."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from memmon import client
from memmon.errors import Conflict, Transient
from memmon.settings import Settings
from memmon.stack import preparation, running, secret_files, service

PATIENCE = 90.0
_EVERY = 0.1


class MonitoringServer:
    """Watches `api`: counts and times its calls, and runs memmon beside it.

    The monitor consists of separate processes, so that a hung or dead `api` never takes it down.
    After MemMimic is killed it continues to monitor, until the next `start` replaces it. All other
    settings come from the environment.
    """

    def __init__(self, api: Any, dashboard_port: int | None = None):
        self.api = api
        self.url: str | None = None
        self._port = dashboard_port
        self._process: subprocess.Popen[bytes] | None = None
        self._exposed: client.Exposed | None = None

    async def start(self) -> None:
        """Return once the dashboard answers. Raises BadConfig for a wrong setting, Conflict when
        another stack is running, Transient with the output when the start fails.
        """
        if self._process:
            raise Conflict("this server has been started already")
        try:
            await asyncio.to_thread(self._launch)
            await self._answering()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the monitor and wait until it has; the metrics of `api` are no longer shown."""
        await asyncio.to_thread(self._end)

    def _launch(self) -> None:
        environ = dict(os.environ)
        if self._port is not None:
            environ["MEMMIMIC_DASHBOARD_PORT"] = str(self._port)
        settings = preparation.checked(environ)
        preparation.folders(settings)
        _replace_former(settings)
        client.instrument(self.api)
        self._exposed = client.expose(0, token=_client_token(settings))
        environ["MEMMON_CLIENT_URL"] = f"http://127.0.0.1:{self._exposed.port}"
        self._settings = settings
        with _output(settings).open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "memmon.cli", "up", "--no-demo"],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for MemMimic, which stops its monitor as it ends.
                start_new_session=True,
            )
        atexit.register(self._end)

    async def _answering(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while True:
            status, stack = self._process.poll(), running.read(self._settings)
            if stack and stack.pid == self._process.pid and stack.ready_at:
                self.url = stack.url
                return
            if status is not None or time.monotonic() > deadline:
                output = _output(self._settings).read_text(encoding="utf-8", errors="replace").strip()
                raise Transient(f"the monitor did not come up (status {status}): {output}")
            await asyncio.sleep(_EVERY)

    def _end(self) -> None:
        atexit.unregister(self._end)
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
        if self._exposed:
            self._exposed.close()
        self._process = self._exposed = self.url = None


def _replace_former(settings: Settings) -> None:
    """End the monitor that an earlier process of MemMimic started and could not end."""
    former = running.read(settings)
    if former and "MEMMON_CLIENT_URL" in former.environ:
        service.down(settings)


def _client_token(settings: Settings) -> str:
    """Return the token with which memmon reaches into this process, made here where none is set."""
    if settings.client_token:
        return settings.client_token.get_secret_value()
    path = settings.run_dir / "client.token"
    secret_files.ensure(path)
    return path.read_text(encoding="utf-8").strip()


def _output(settings: Settings) -> Path:
    return settings.run_dir / "up.out"
