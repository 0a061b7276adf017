"""The demo as a real process, and requests to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.memmon.client.serving import Answer, ask
from tests.support import eventually, free_port

ROOT = Path(__file__).parents[3]
TOKEN = "client-token-of-the-demo"


class DemoProcess:
    """`python -m memmon.demo` in a folder of its own."""

    def __init__(self, folder: Path, report_url: str = "", ingest_key: str = ""):
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self.database = folder / "data" / "demo.db"
        self.token_file = folder / "client.token"
        self.token_file.write_text(TOKEN + "\n")
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "MEMMON_DEMO_URL": self.url,
            "MEMMON_DEMO_DATABASE": str(self.database),
            "MEMMON_CLIENT_TOKEN_FILE": str(self.token_file),
        }
        if report_url:
            (folder / "ingest.key").write_text(ingest_key)
            self.environ |= {"MEMMON_REPORT_URL": report_url, "MEMMON_INGEST_KEY_FILE": str(folder / "ingest.key")}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "demo.out").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "memmon.demo"], env=self.environ, cwd=self.folder, stdout=log, stderr=log
        )
        eventually(self._answers, within=20)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output()
        try:
            return self.ask("/healthz").status == 200
        except OSError:
            return False

    def stop(self) -> int:
        """End it as the supervisor does; return its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def output(self) -> str:
        return (self.folder / "demo.out").read_text()

    def ask(self, path: str, method: str = "GET", body: Any = None, **how: Any) -> Answer:
        return ask(self.url + path, method, body, **how)

    def fault(self, name: str, seconds: float) -> None:
        answer = self.ask("/-/faults", "POST", {"fault": name, "seconds": seconds}, token=TOKEN)
        assert answer.status == 200, answer.body

    def metrics(self) -> dict[str, float]:
        """Return the page: sample -> value, `le` in the name and other labels left out."""
        actual: dict[str, float] = {}
        for family in text_string_to_metric_families(self.ask("/metrics").body.decode()):
            for sample in family.samples:
                name = sample.name + (f":{sample.labels['le']}" if "le" in sample.labels else "")
                actual[name] = actual.get(name, 0.0) + sample.value
        return actual

    def change(self, before: dict[str, float], name: str) -> float:
        return self.metrics().get(name, 0.0) - before.get(name, 0.0)


def share_above(before: dict[str, float], after: dict[str, float], histogram: str, limit: str) -> float:
    """Return the share of observations between the two pages above `limit` seconds."""
    observed = after[f"{histogram}_count"] - before[f"{histogram}_count"]
    below = after[f"{histogram}_bucket:{limit}"] - before[f"{histogram}_bucket:{limit}"]
    return 1 - below / observed if observed else 0.0
