"""Time from a breach to the webhook in a whole running stack: a page's value changes, and a
receiver is notified.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from bench.report import Figure
from tests.e2e.stack import Inbox, Stack
from tests.memmon.pages import Pages
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
DEFAULTS = {
    "MEMMIMIC_METRICS_COLLECTION_INTERVAL": "10",
    "MEMMIMIC_HEALTH_CHECK_INTERVAL": "30",
    "MEMMIMIC_ALERT_EVALUATION_INTERVAL": "30",
}
WITHIN = 60.0


def measure(batches: int, trials: int, interval: float) -> list[float]:
    """Return the seconds from breach to webhook of `batches` x `trials`; between two batches the
    stack is started anew.
    """
    delays: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mms") as folder:
        inbox, target = Inbox(), Pages()
        stack = Stack(Path(folder), inbox, RULES, **({} if interval == 1 else DEFAULTS))
        config = stack.home / "config"
        (config / "routes.yml").write_text(ROUTES % inbox.url)
        (config / "targets.yml").write_text(
            f"targets: [{{name: flip, tier: critical, metrics: '{target.url}/metrics'}}]"
        )
        flip(target, batches * trials, -1)
        try:
            for batch in range(batches):
                stack.start()
                eventually(lambda: stack.get("/api/v1/query?query=flip")["data"]["result"], within=60)
                for index in range(batch * trials, (batch + 1) * trials):
                    # A breach comes at any time between two scrapes.
                    time.sleep(random.uniform(0, interval))
                    began = time.perf_counter()
                    flip(target, batches * trials, index)
                    eventually(lambda trial=str(index): _is_told(inbox, trial), within=WITHIN, every=0.005)  # type: ignore[misc]
                    delays.append(time.perf_counter() - began)
                    inbox.received.clear()
                stack.stop()
        finally:
            stack.stop()
            inbox.close()
            target.close()
    return delays


def flip(target: Pages, trials: int, last: int) -> None:
    """Let the gauges of the trials up to `last` be 1."""
    lines = [f'flip{{trial="{index}"}} {int(index <= last)}\n' for index in range(trials)]
    target.pages["/metrics"] = "".join(lines)


def _is_told(inbox: Inbox, trial: str) -> bool:
    alerts = [alert for body in list(inbox.received) for alert in body["alerts"]]
    return any(alert["labels"].get("trial") == trial and alert["status"] == "firing" for alert in alerts)


def middle_and_high(delays: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    cuts = quantiles(delays, n=20, method="inclusive") if len(delays) > 1 else delays * 19
    return cuts[9], cuts[18]


def figures(batches: int, trials: int, interval: float, p50: float, p95: float | None) -> list[Figure]:
    """Measure and tell median and 95th percentile."""
    delays = measure(batches, trials, interval)
    median, high = middle_and_high(delays)
    label = f"breach to webhook, {interval:g} s scrapes, {len(delays)} trials, {batches} starts"
    return [Figure(f"{label}, p50", "s", median, p50), Figure(f"{label}, p95", "s", high, p95)]
