"""A whole stack of memmon with the demo, on short intervals, with a home, a lock and ports of its
own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support import eventually, free_port

ROOT = Path(__file__).parents[2]

ROUTES = """
route: {receiver: default, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers:
  - {name: default, log_configs: [{}], webhook_configs: [{url: '%s'}]}
"""

ESCALATION = """
chains:
  - name: operations
    repeat: 60s
    levels:
      - {name: Operations Team, after: 0s, receivers: [default]}
      - {name: Senior Engineers, after: 5s, receivers: [default]}
      - {name: Management, after: 10s, receivers: [default]}
  - name: security
    repeat: 60s
    levels:
      - {name: Security Team, after: 0s, receivers: [default]}
      - {name: Senior Engineers, after: 5s, receivers: [default]}
      - {name: Management, after: 10s, receivers: [default]}
"""


LIMITS = """
limits:
  - {name: restart, cooldown: 2s, most: 100, window: 1h}
  - {name: scale, cooldown: 2s, most: 100, window: 1h}
  - {name: isolate, cooldown: 2s, most: 100, window: 1h}
  - {name: memory_dump, cooldown: 2s, most: 100, window: 1h}
  - {name: backup, cooldown: 2s, most: 100, window: 1h}
"""
"""What follows within a minute in a test is hours apart elsewhere."""


class Inbox:
    """A real webhook receiver that stores its messages."""

    def __init__(self) -> None:
        inbox = self
        self.received: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                inbox.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            request_queue_size = 1024  # Many may come at once.

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Stack:
    """`memmon up` in a folder of its own."""

    def __init__(self, folder: Path, inbox: Inbox, rules: str = "", **environ: str):
        self.home = folder / "home"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        config = self.home / "config"
        config.mkdir(parents=True)
        (config / "routes.yml").write_text(ROUTES % inbox.url)
        (config / "escalation.yml").write_text(ESCALATION)
        (config / "playbooks.yml").write_text(LIMITS)
        if rules:
            (config / "rules.yml").write_text(rules)
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "MEMMON_HOME": str(self.home),
            "MEMMON_LOCK_FILE": str(folder / "lock"),
            "MEMMIMIC_DASHBOARD_PORT": str(self.port),
            "MEMMIMIC_METRICS_COLLECTION_INTERVAL": "1",
            "MEMMIMIC_HEALTH_CHECK_INTERVAL": "2",
            "MEMMIMIC_ALERT_EVALUATION_INTERVAL": "1",
            **environ,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it and wait until the dashboard shows data."""
        log = (self.home / "up.out").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "memmon.cli", "up", *options],
            env=self.environ,
            cwd=self.home,
            stdout=log,
            stderr=log,
        )
        eventually(self._has_data, within=60)

    def _has_data(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "up.out").read_text()
        try:
            return bool(self.get("/api/metrics")["metrics"]["gauges"])
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        """Stop it as Ctrl-C would."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(40)

    @property
    def token(self) -> str:
        return (self.home / "run" / "api.token").read_text().strip()

    def get(self, path: str) -> Any:
        """Return the JSON at `path`."""
        with urllib.request.urlopen(self.base + path, timeout=10) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any) -> Any:
        """Return the JSON answer to `body`, sent with the administrator's token."""
        request = urllib.request.Request(
            self.base + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `memmon` with `words` beside it."""
        return subprocess.run(
            [sys.executable, "-m", "memmon.cli", *words], env=self.environ, capture_output=True, text=True, timeout=60
        )

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one line of the runbook, its port and paths turned to this stack's."""
        line = line.replace("localhost:8080", f"127.0.0.1:{self.port}")
        line = line.replace("/var/log/memmimic/monitoring.log", str(self.home / "monitoring.log"))
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], env=self.environ, capture_output=True, text=True, timeout=60
        )

    def log(self) -> str:
        """Return what the log says so far."""
        path = self.home / "monitoring.log"
        return path.read_text() if path.exists() else ""

    def account(self) -> str:
        """Return incidents, active alerts and the end of the log, for who has to find out why a
        test failed.
        """
        received = []
        try:
            for row in self.get("/api/incidents")["incidents"]:
                whole = self.get(f"/api/incidents/{row['id']}")
                received += [f"incident {row['id']} {row['state']}: {row['title']}"]
                received += [f"  {entry['at']} {entry['kind']}: {entry['text']}" for entry in whole["timeline"]]
            received += [
                f"alert {alert['name']} {alert['labels']}" for alert in self.get("/api/alerts")["active_alerts"]
            ]
        except (OSError, ValueError) as error:
            received.append(f"the API does not answer: {error}")
        return "\n".join([*received, *self.log().splitlines()[-60:]])
