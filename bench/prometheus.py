"""The Debian package `prometheus`, beside memmon on the same pages and data."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import yaml

from bench.place import child
from tests.support import eventually, free_port

WARM_SECONDS = 25


def is_there() -> bool:
    """Tell whether the package is installed."""
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


class Server:
    """A running Prometheus."""

    def __init__(self, base: str, pid: int):
        self.base, self.process = base, psutil.Process(pid)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON data of an answer of the API."""
        url = f"{self.base}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=120) as answer:
            return json.loads(answer.read())["data"]

    def is_ready(self) -> bool:
        """Tell whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.base}/-/ready", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def samples(self) -> float:
        """Return how many samples it has taken in."""
        with urllib.request.urlopen(f"{self.base}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        appended = [line for line in lines if line.startswith("prometheus_tsdb_head_samples_appended_total")]
        return sum(float(line.rpartition(" ")[2]) for line in appended)

    def cpu(self) -> float:
        """Return the CPU seconds that it took so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def milliseconds(self, path: str, times: int, **query: Any) -> float:
        """Return how long an evaluation takes by its own account, without the making of JSON: the
        median of some.
        """
        durations = []
        for _ in range(times):
            stats = self.get(path, stats="all", **query)["stats"]["timings"]
            durations.append(stats["evalTotalTime"] * 1000)
        return median(durations)


@contextmanager
def server(
    scrape: dict[str, Any] | None = None, data: Path | None = None, rules: Path | None = None
) -> Iterator[Server]:
    """Run a Prometheus with one scrape configuration, or over blocks in `data`, and with a file of
    rules.
    """
    with tempfile.TemporaryDirectory(prefix="mmp") as name:
        config = Path(name) / "prometheus.yml"
        files = [str(rules)] if rules else []
        config.write_text(yaml.safe_dump({"scrape_configs": [scrape] if scrape else [], "rule_files": files}))
        address = f"127.0.0.1:{free_port()}"
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data or name}",
            f"--web.listen-address={address}",
        ]
        with child(*command) as process:
            running = Server(f"http://{address}", process.pid)
            eventually(running.is_ready, within=60)
            yield running


def scraping(address: str, targets: int, seconds: float) -> float:
    """Return the CPU microseconds a sample for scraping `targets` pages each ten seconds, over
    `seconds`.
    """
    where = address.removeprefix("http://")
    each = [
        {"targets": [where], "labels": {"__metrics_path__": f"/t/{index}", "instance": f"t{index}"}}
        for index in range(targets)
    ]
    with server({"job_name": "bench", "scrape_interval": "10s", "static_configs": each}) as running:
        time.sleep(WARM_SECONDS)  # Targets begin at different times of their first interval.
        cpu, samples = running.cpu(), running.samples()
        time.sleep(seconds)
        return (running.cpu() - cpu) / (running.samples() - samples) * 1e6


@contextmanager
def over(lines: Iterable[str]) -> Iterator[Server]:
    """Run a Prometheus over what OpenMetrics `lines` say."""
    with tempfile.TemporaryDirectory(prefix="mmd") as name:
        page, data = Path(name) / "page", Path(name) / "data"
        with page.open("w") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.write("# EOF\n")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(page), str(data)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        page.unlink()
        with server(data=data) as running:
            yield running
