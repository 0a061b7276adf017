"""Alerting: rules, an alert storm, API latency during it, and delivery times."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import yaml

from bench import prometheus
from bench.place import Clock, child, place
from bench.report import Figure
from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import external
from memmon.alerts import service as alerts
from memmon.alerts.external import PostedAlert
from memmon.context import Context
from memmon.metrics import service as metrics
from memmon.notify import service as notify
from memmon.routing import service as routing
from memmon.samples import Sample
from tests.e2e.stack import Inbox
from tests.memmon.pages import Pages
from tests.support import eventually, free_port
from web import create_app

NO_DEFAULTS = [{"name": name, "rules": []} for name in ("resources", "health", "database", "quality")]


logging.disable(logging.WARNING)  # Each firing alert logs a line; logging is not measured.


def rules(count: int, series: int, beside: bool, fires: bool) -> list[Figure]:
    """Measure one evaluation of `count` alerting rules over `series` series, of which a tenth
    fires, or none.
    """
    level = series - series // 10 if fires else series + 1
    group = {
        "name": "bench",
        "interval": "1s",
        "rules": [
            {
                "alert": f"rule_{n}",
                "expr": f"m > {level - n / count}",
                "annotations": {"summary": "{{ $value }}"},
            }
            for n in range(count)
        ],
    }
    clock = Clock(1_767_225_600.0)
    with place(clock) as ctx:
        _configure(ctx, rules={"groups": [group, *NO_DEFAULTS]})
        taken = []
        for _ in range(6):
            clock.now += 10
            samples = [Sample(label_sets.of(__name__="m", n=str(n)), float(n)) for n in range(series)]
            metrics.ingest(ctx, "bench", samples, {}, clock.now, 10)
            began = time.perf_counter()
            alerts.evaluate(ctx)
            taken.append(time.perf_counter() - began)
        firing = len(alerts.firing_labels(ctx))
    reference = _prometheus_rules(group, series) if beside else None
    label = f"an evaluation of {count} rules over {series} series, {firing} alerts firing"
    return [Figure(label, "ms a rule", median(taken[2:]) / count * 1000, None, reference and reference / count * 1000)]


def _prometheus_rules(group: dict[str, Any], series: int) -> float:
    """Return how long a Prometheus says that it takes for the same group, in seconds."""
    with tempfile.TemporaryDirectory(prefix="mmr") as name:
        file = Path(name) / "rules.yml"
        file.write_text(yaml.safe_dump({"groups": [group]}))
        target = Pages()
        target.pages["/metrics"] = "".join(f'm{{n="{n}"}} {n}\n' for n in range(series))
        where = target.url.removeprefix("http://")
        scrape = {"job_name": "b", "scrape_interval": "1s", "static_configs": [{"targets": [where]}]}
        with prometheus.server(scrape, rules=file) as running:
            time.sleep(8)
            with urllib.request.urlopen(f"{running.base}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        target.close()
    durations = [line for line in lines if line.startswith("prometheus_rule_group_last_duration_seconds{")]
    return sum(float(duration_line.rpartition(" ")[2]) for duration_line in durations)


def storm(count: int, groups: int) -> list[Figure]:
    """Let `count` alerts in `groups` groups fire at once; measure placing, one flush, and what the
    API takes meanwhile.
    """
    clock = Clock(1_767_225_600.0)
    with place(clock) as ctx:
        _configure(ctx, routes=_routes("http://127.0.0.1:9/", "[group]"))
        _post(ctx, count, groups)
        placed = _seconds(lambda: routing.place(ctx))
        flushed = _seconds(lambda: notify.flush(ctx))
        clock.now += 300
        again = _seconds(lambda: notify.flush(ctx))
        idle = median(_seconds(lambda: notify.flush(ctx)) for _ in range(10))
        figures = [
            Figure(f"placing {count} alerts in {groups} groups", "s", placed),
            Figure(f"a flush tick of {count} alerts in {groups} groups, first notices", "s", flushed, 1.0),
            Figure("the same once the interval is over and nothing is new", "s", again, 1.0),
            Figure("a tick with nothing due meanwhile", "ms", idle * 1000),
        ]
        return figures + _asked(ctx, count)


def _asked(ctx: Context, count: int) -> list[Figure]:
    client = create_app(ctx).test_client()
    figures = []
    for label, path in (
        ("GET /api/alerts, a page", "/api/alerts"),
        ("GET /api/v2/alerts of one group", "/api/v2/alerts?filter=group%3D%227%22"),
        ("GET /dashboard", "/dashboard"),
        ("GET /api/v2/alerts, all", "/api/v2/alerts"),
    ):
        assert client.get(path).status_code == 200
        taken = [_seconds(partial(client.get, path)) for _ in range(20)]
        goal = None if label.endswith("all") else 300.0
        figures.append(Figure(f"{label}, {count} alerts firing, p95", "ms", quantiles(taken, n=20)[18] * 1000, goal))
    return figures


def told(count: int, beside: bool) -> list[Figure]:
    """Measure how long one worker takes for `count` notifications by webhook, each of a group of
    its own.
    """
    inbox = Inbox()
    clock = Clock(1_767_225_600.0)
    with place(clock) as ctx:
        _configure(ctx, routes=_routes(inbox.url, "['...']"))
        _post(ctx, count, count)
        began = time.perf_counter()
        sent = 0
        while sent < count:
            for job in notify.flush(ctx):
                notify.deliver(ctx, int(job.args[0]))
                sent += 1
        taken = time.perf_counter() - began
    assert len(inbox.received) == count
    inbox.received.clear()
    reference = _alertmanager(inbox, count) if beside and shutil.which("prometheus-alertmanager") else None
    inbox.close()
    return [
        Figure(
            f"place, flush, send and record {count} notifications, one worker process",
            "ms each",
            taken / count * 1000,
            None,
            reference and reference / count * 1000,
            "Alertmanager sends them side by side",
        )
    ]


def _alertmanager(inbox: Inbox, count: int) -> float:
    """Return how long an Alertmanager takes for the same, from the post of the alerts on, in
    seconds.
    """
    with tempfile.TemporaryDirectory(prefix="mma") as name:
        config = Path(name) / "alertmanager.yml"
        config.write_text(_routes(inbox.url, "['...']"))
        address = f"127.0.0.1:{free_port()}"
        command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={name}"]
        with child(*command, f"--web.listen-address={address}", "--cluster.listen-address="):

            def is_ready() -> bool:
                try:
                    return bool(urllib.request.urlopen(f"http://{address}/-/ready", timeout=1).status == 200)
                except OSError:
                    return False

            eventually(is_ready, within=30)
            body = json.dumps([{"labels": labels} for labels in _labels(count, count)]).encode()
            began = time.perf_counter()
            request = urllib.request.Request(
                f"http://{address}/api/v2/alerts", body, {"Content-Type": "application/json"}
            )
            urllib.request.urlopen(request, timeout=60)
            eventually(lambda: len(inbox.received) >= count, within=120, every=0.005)
            return time.perf_counter() - began


def _labels(count: int, groups: int) -> list[dict[str, str]]:
    return [
        {
            "alertname": "trouble",
            "severity": "warning",
            "group": str(n % groups),
            "n": str(n),
            "instance": f"host-{n % 500}",
        }
        for n in range(count)
    ]


def _post(ctx: Context, count: int, groups: int) -> None:
    now = ctx.now()
    alerts_ = [
        PostedAlert(label_sets.of(labels), {"summary": f"it is bad on {labels['instance']}"}, now, now + 86400, True)
        for labels in _labels(count, groups)
    ]
    for at in range(0, count, 1000):
        external.receive(ctx, alerts_[at : at + 1000])


def _routes(url: str, group_by: str) -> str:
    return f"""
route: {{receiver: team, group_by: {group_by}, group_wait: 0s, group_interval: 5m}}
receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]
inhibit_rules: [{{source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [instance]}}]
"""


def _configure(ctx: Context, rules: dict[str, Any] | None = None, routes: str = "") -> None:
    folder = ctx.settings.config_folder
    if rules:
        (folder / "rules.yml").write_text(encode.dumps(rules))
    if routes:
        (folder / "routes.yml").write_text(routes)


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
