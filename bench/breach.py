"""From a breach to the webhook, through a whole running stack: a page's value changes, and a receiver hears of it."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import quantiles

from bench.report import Figure
from tests.e2e.stack import Inbox, Stack
from tests.support import eventually

RULES = """
groups:
  - name: bench
    rules:
      - {alert: flipped, expr: flip > 0, labels: {severity: critical}, annotations: {summary: 'trial {{ $labels.trial }}'}}
"""
ROUTES = """
route: {receiver: default, group_by: [alertname, trial], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers:
  - {name: default, webhook_configs: [{url: '%s'}]}
"""
WITHIN = 60.0


class Target:
    """A page with one gauge a trial, each of which can be flipped."""

    def __init__(self, trials: int):
        self.values = [0] * trials
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                lines = [f'flip{{trial="{number}"}} {value}\n' for number, value in enumerate(outer.values)]
                body = "".join(lines).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/metrics"

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


def measure(batches: int, trials: int, interval: float) -> list[float]:
    """Return the seconds from breach to webhook of `batches` x `trials`; between two batches the stack is started anew."""
    found: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mms") as folder:
        inbox, target = Inbox(), Target(batches * trials)
        environ = (
            {}
            if interval == 1
            else {
                "MEMMIMIC_METRICS_COLLECTION_INTERVAL": f"{interval:g}",
                "MEMMIMIC_HEALTH_CHECK_INTERVAL": "30",
                "MEMMIMIC_ALERT_EVALUATION_INTERVAL": "30",
            }
        )
        stack = Stack(Path(folder), inbox, RULES, **environ)
        config = stack.home / "config"
        (config / "routes.yml").write_text(ROUTES % inbox.url)
        (config / "targets.yml").write_text(f"targets: [{{name: flip, tier: critical, metrics: '{target.url}'}}]")
        try:
            for batch in range(batches):
                stack.start()
                eventually(lambda: any(one["name"] == "flip" and one["up"] for one in _targets(stack)), within=60)
                for number in range(batch * trials, (batch + 1) * trials):
                    time.sleep(random.uniform(0, interval))  # A breach comes at any time between two scrapes.
                    found.append(_trial(inbox, target, number))
                stack.stop()
        finally:
            stack.stop()
            inbox.close()
            target.close()
    return found


def _targets(stack: Stack) -> list[dict[str, object]]:
    state = stack.get("/api/v1/targets")["data"]["activeTargets"]
    return [
        {"name": "flip" if "flip" in str(one) or "/metrics" in one["scrapeUrl"] else "", "up": one["health"] == "up"}
        for one in state
    ]


def _trial(inbox: Inbox, target: Target, number: int) -> float:
    began = time.perf_counter()
    target.values[number] = 1

    def is_told() -> bool:
        return any(
            alert["labels"].get("trial") == str(number) and alert["status"] == "firing"
            for body in list(inbox.received)
            for alert in body["alerts"]
        )

    eventually(is_told, within=WITHIN, every=0.005)
    taken = time.perf_counter() - began
    inbox.received.clear()
    return taken


def figures(batches: int, trials: int, interval: float, p50: float, p95: float | None) -> list[Figure]:
    """Measure and tell median and 95th percentile."""
    found = sorted(measure(batches, trials, interval))
    cuts = quantiles(found, n=20, method="inclusive") if len(found) > 1 else found * 19
    what = f"breach to webhook, {interval:g} s scrapes, {len(found)} trials, {batches} starts"
    return [Figure(f"{what}, p50", "s", cuts[9], p50), Figure(f"{what}, p95", "s", cuts[18], p95)]
