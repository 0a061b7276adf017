"""A past for the dashboard: samples, checks, alerts, incidents and events, each by the verb that
makes it in earnest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.collect import store as collected
from memmon.context import Context
from memmon.health import service as health
from memmon.health.model import CheckResult
from memmon.incidents import service as incidents
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.notify import service as notify
from memmon.samples import Metadata, Sample
from memmon.security import service as security
from memmon.state import heartbeat, keys
from tests.conftest import Clock

ATTACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
ADDRESS = "203.0.113.7"
QUICK = {0.05: 0.4, 0.25: 0.9, 1.0: 0.98, 2.5: 1.0, 5.0: 1.0}
SLOW = {0.05: 0.2, 0.25: 0.4, 1.0: 0.7, 2.5: 0.97, 5.0: 1.0}
BOUNDS = tuple(QUICK)
"""Share of queries by their longest duration (s)."""

KINDS = {
    "memmimic_db_query_duration_seconds": Metadata("histogram"),
    "memmimic_searches_total": Metadata("counter"),
    "memmimic_errors_total": Metadata("counter"),
    "memmimic_memory_usage_percent": Metadata("gauge"),
}
CONFIG = {
    "targets": """
targets:
  - {name: memory-api, instance: 'api-1', metrics: 'http://127.0.0.1:9/metrics'}
""",
    "rules": """
groups:
  - name: database
    rules:
      - alert: database_slow
        expr: histogram_quantile(0.95, sum by (job, instance, le) (rate(memmimic_db_query_duration_seconds_bucket[5m]))) > 1.0
        labels: {severity: warning, category: performance}
        annotations:
          summary: '95 % of queries of {{ $labels.instance }} take up to {{ $value | humanizeDuration }}'
          runbook_url: docs/runbook.md#database-performance-degradation
""",
    "routes": """
route: {receiver: default, group_wait: 0s}
receivers:
  - name: default
    log_configs: [{}]
    webhook_configs: [{url: 'http://127.0.0.1:9/hook'}]
""",
}

COMPONENTS = (
    "metrics_collector",
    "health_monitor",
    "security_monitor",
    "alert_manager",
    "incident_response",
    "dashboard_server",
)


def configure(ctx: Context) -> None:
    """Write the operator's files."""
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in CONFIG.items():
        (folder / f"{name}.yml").write_text(text)
    ctx.reload_config()


def past(ctx: Context, clock: Clock, minutes: int = 20, slow_for: int = 8) -> None:
    """Let `minutes` pass until now, the database slow for the last `slow_for` of them; the clock is
    real afterwards.
    """
    configure(ctx)
    end = time.time()
    step = 30
    for index in range(minutes * 60 // step + 1):
        clock.now = end - minutes * 60 + index * step
        slow = end - clock.now <= slow_for * 60
        _samples(ctx, clock.now, index, slow)
        if index % 2 == 0:
            _checks(ctx, index, slow)
        if slow and index % 4 == 0:
            run(ctx, alerts.evaluate(ctx))
    clock.now = end
    ctx.now = time.time
    run(ctx, alerts.evaluate(ctx))


def _samples(ctx: Context, now: float, index: int, slow: bool) -> None:
    """Take in one collection of each target."""
    wave = (index * 7919 % 13) / 13
    extra = 30 * (300 + 90 * wave)
    values: dict[str, float] = {
        "memmimic_searches_total": _total(ctx, "searches", extra),
        "memmimic_errors_total": _total(ctx, "errors", 3 if slow else index % 5 == 0),
        "up": 1.0,
    }
    for bound in BOUNDS:
        share = SLOW[bound] if slow else QUICK[bound]
        values[f"memmimic_db_query_duration_seconds_bucket{{{bound:g}}}"] = _total(ctx, bound, extra * share)
    values["memmimic_db_query_duration_seconds_bucket{+Inf}"] = _total(ctx, "all", extra)
    samples = [Sample(_labels(name, "memmimic", "api-1"), value) for name, value in values.items()]
    metrics.ingest(ctx, "memory-api", samples, KINDS, now, 30)
    host = {"memmimic_memory_usage_percent": 61 + 4 * wave, "up": 1.0}
    metrics.ingest(ctx, "host", [Sample(_labels(n, "host", "test"), v) for n, v in host.items()], KINDS, now, 30)


_sums: dict[tuple[int, object], float] = {}


def _total(ctx: Context, name: object, extra: float) -> float:
    """Return what a counter stands at after `more`."""
    _sums[id(ctx), name] = _sums.get((id(ctx), name), 0.0) + extra
    return _sums[id(ctx), name]


def _labels(name: str, job: str, instance: str) -> label_sets.Labels:
    bare, _, bound = name.rstrip("}").partition("{")
    arguments = {label_sets.NAME: bare, "job": job, "instance": instance}
    return label_sets.of({**arguments, "le": bound} if bound else arguments)


def _checks(ctx: Context, index: int, slow: bool) -> None:
    """Keep one round of checks."""
    findings = {
        "database": CheckResult("unhealthy", "reading took 640 ms, more than 500 ms; 12 MiB, WAL 0.4 MiB")
        if slow
        else CheckResult("healthy", "reading took 3 ms; 12 MiB, WAL 0.1 MiB"),
        "cache": CheckResult("degraded", "61 % of lookups hit, the usual is 88 %")
        if slow
        else CheckResult("healthy", "91 % of lookups hit"),
        "memory_system": CheckResult("healthy", "1 204 memories, the newest 4 s old"),
        "cxd_classifier": CheckResult("healthy", "classifies, 0.9 ms on average"),
        "system_resources": CheckResult("healthy", "memory 63 %, CPU 12 %, disk 41 %"),
    }
    for at, (name, finding) in enumerate(findings.items()):
        took = 640.0 if name == "database" and slow else 3.0 + at
        health.record(ctx, "memory-api", name, int(ctx.now()), finding, took)


def run(ctx: Context, jobs: list[Job]) -> None:
    """Do what follows, as workers would; in a thread of its own, since Playwright keeps an event
    loop in the test's.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_run, ctx, jobs).result()


def _run(ctx: Context, jobs: list[Job]) -> None:
    verbs: dict[str, Callable[..., Any]] = {
        "incidents.correlate": incidents.correlate,
        "incidents.advance": incidents.advance,
        "incidents.act": incidents.act,
        "notify.tick": notify.flush,
        "notify.deliver": notify.deliver,
    }
    left = list(jobs)
    while left:
        job = left.pop(0)
        if job.name in verbs:
            left += verbs[job.name](ctx, *job.args) or []


def attack(ctx: Context) -> None:
    """Five failed logins of one address, and text that a browser would run."""
    failed = [{"event_type": "auth_failure", "source_ip": ADDRESS, "user": "root", "endpoint": "/login"}] * 5
    _, jobs = security.record(ctx, failed, "test")
    run(ctx, jobs)
    event = {
        "event_type": "suspicious_activity",
        "source_ip": "198.51.100.9",
        "endpoint": f"/search?q={ATTACK}",
        "message": ATTACK,
        "params": {"q": ATTACK},
    }
    security.record(ctx, event, "test")


def raise_alert(ctx: Context, name: str = "trouble", severity: str = "warning", **labels: str) -> None:
    """Make an alert whose every text is hostile, which no playbook takes."""
    run(ctx, alerts.raise_event(ctx, name, severity, {"instance": ATTACK, **labels}, {"summary": ATTACK}, 3600))


def fleet(ctx: Context) -> None:
    """Store heartbeats of workers and components."""
    now = ctx.now()
    workers: Mapping[str, list[str]] = {
        "io@test": ["collect", "notify"],
        "checks@test": ["health", "upkeep"],
        "respond@test": ["alerts", "incidents", "security"],
    }
    for name, queues in workers.items():
        about = {"at": now, "queues": queues, "pid": 1, "pool": "prefork"}
        ctx.redis.hset(keys.workers(), name, encode.dumps(about))
    states = {
        name: {"up": True, "at": now, "seconds": 0.012, "samples": 40, "error": None} for name in ("host", "memmon")
    }
    refused = "Cannot connect to host 127.0.0.1:9"
    states["memory-api"] = {"up": False, "at": now, "seconds": 0.2, "samples": 0, "error": refused}
    collected.save(ctx.redis, states)
    for name in COMPONENTS:
        heartbeat.beat(ctx.redis, name, "ok", now)
