"""The services of docker-compose.yml as processes of this machine: the same commands and the same
environment, on loopback.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import composed
from tests.conftest import valkey_binary
from tests.support import free_port


class Hand:
    """Runs the commands of docker-compose.yml; addresses and folders are put in the place of the
    containers'.
    """

    def __init__(self, folder: Path, database_url: str, environ: dict[str, str]):
        self.folder = folder
        self.ports = {name: free_port() for name in ("redis", "web", "flower", "demo")}
        self.services = composed.read({**composed.NEEDED, **environ})["services"]
        self.places = {
            self.services["web"]["environment"]["MEMMON_DATABASE_URL"]: database_url,
            "redis:6379": f"127.0.0.1:{self.ports['redis']}",
            "/var/lib/memmimic": str(folder / "home"),
            "/etc/memmimic": str(folder / "config"),
            "0.0.0.0:8080": f"127.0.0.1:{self.ports['web']}",
            "127.0.0.1:8080": f"127.0.0.1:{self.ports['web']}",
            "web:8080": f"127.0.0.1:{self.ports['web']}",
            "--address=0.0.0.0": "--address=127.0.0.1",
            "--port=5555": f"--port={self.ports['flower']}",
            "127.0.0.1:5555": f"127.0.0.1:{self.ports['flower']}",
            "0.0.0.0:8090": f"127.0.0.1:{self.ports['demo']}",
            "demo:8090": f"127.0.0.1:{self.ports['demo']}",
            "127.0.0.1:8090": f"127.0.0.1:{self.ports['demo']}",
        }
        for name in ("home", "config", "redis"):
            (folder / name).mkdir()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def here(self, text: str) -> str:
        """Return `text` with this machine's addresses and folders."""
        for there, here in self.places.items():
            text = text.replace(there, here)
        return text

    def environ(self, name: str) -> dict[str, str]:
        """Return the environment of a service."""
        arguments = {key: self.here(str(value)) for key, value in self.services[name].get("environment", {}).items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "PYTHONPATH": str(composed.ROOT), **arguments}

    def start(self, name: str) -> None:
        """Start a service; its output goes to `<name>.log`."""
        words = [self.here(word) for word in self.services[name]["command"]]
        if name == "redis":
            words = [valkey_binary(), *words[1:], "--port", str(self.ports["redis"]), "--bind", "127.0.0.1"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                words,
                env=self.environ(name),
                cwd=self.folder / ("redis" if name == "redis" else "home"),
                stdout=log,
                stderr=log,
            )

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends by itself."""
        words = [self.here(word) for word in self.services[name]["command"]]
        return subprocess.run(
            words, env=self.environ(name), cwd=self.folder, capture_output=True, text=True, timeout=60
        )

    def is_healthy(self, name: str) -> bool:
        """Do a service's health check as Docker would."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        command: Any = ["/bin/sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        command = [self.here(word).replace("$(hostname)", socket.gethostname()) for word in command]
        done = subprocess.run(command, env=self.environ(name), cwd=self.folder, capture_output=True, timeout=60)
        return done.returncode == 0

    def log(self, name: str) -> str:
        """Return what a service said."""
        return (self.folder / f"{name}.log").read_text()

    def stop(self, name: str) -> int:
        """Stop a service as Docker would; return its status."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(30)

    def close(self) -> None:
        """End what still runs, the broker last."""
        for process in reversed(self.processes.values()):
            process.kill()
            process.wait(10)
