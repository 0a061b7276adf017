"""Small configurations and the steps of which the tests of incidents are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.incidents import service
from memmon.jobs import Job
from memmon.notify import service as notify

PLAYBOOKS = """
playbooks:
  - name: test
    title: 'Trouble of $instance'
    severity: high
    mttr_target: 10m
    match: {labels: {category: test}}
    correlation: {group_by: [instance]}
    stages:
      - name: act
        due: 60s
        mitigates: true
        steps: [{action: http, parameters: {url: '%s/hook'}, attempts: 2, timeout: 1s}]
    verification: {settle: 1s, hold: 5s, timeout: 300s}
"""
ROUTES = """
route: {receiver: default}
receivers: [{name: default, log_configs: [{}]}, {name: seniors, log_configs: [{}]}]
"""
ESCALATION = """
chains:
  - name: operations
    repeat: 60s
    levels:
      - {name: Operations Team, after: 0s, receivers: [default]}
      - {name: Senior Engineers, after: 30s, receivers: [seniors]}
"""


def fire(ctx: Context, instance: str = "a", name: str = "trouble", ttl: float = 3600) -> None:
    """Make an alert that fires for `ttl` seconds, by the door of detectors."""
    alerts.raise_event(ctx, name, "error", {"category": "test", "instance": instance}, {"summary": name}, ttl)


def run(ctx: Context, jobs: list[Job]) -> None:
    """Do all jobs about incidents that follow, as workers would."""
    verbs: dict[str, Callable[..., list[Job]]] = {
        "incidents.advance": service.advance,
        "incidents.act": service.act,
        "incidents.correlate": service.correlate,
    }
    left = list(jobs)
    while left:
        job = left.pop(0)
        if job.name in verbs:
            left += verbs[job.name](ctx, *job.args)


def tick(ctx: Context) -> None:
    run(ctx, service.due(ctx))


def only(ctx: Context) -> dict[str, Any]:
    """Return the one incident that there is, whole."""
    rows = service.listing(ctx)["incidents"]
    assert len(rows) == 1
    return service.show(ctx, rows[0]["id"])


def paged(ctx: Context) -> list[str]:
    return [row["receiver"] for row in reversed(notify.recent(ctx)) if row["kind"] == "page"]


def texts(incident: dict[str, Any], kind: str) -> list[str]:
    return [entry["text"] for entry in incident["timeline"] if entry["kind"] == kind]


def a_playbook(*steps: str, **extra: str) -> str:
    """Return a playbooks.yml whose one stage has these steps; `more` are further keys of the
    playbook, `section` what stands beside it.
    """
    section = extra.pop("section", "")
    lines = "".join(f"          - {step}\n" for step in steps)
    keys = {"correlation": "{group_by: [instance]}", "verification": "{settle: 1s, hold: 5s, timeout: 300s}", **extra}
    local = "".join(f"    {name}: {value}\n" for name, value in keys.items())
    return f"""
playbooks:
  - name: test
    title: 'Trouble of $instance'
    severity: high
    mttr_target: 10m
    match: {{labels: {{category: test}}}}
{local}    stages:
      - name: act
        due: 60s
        steps:
{lines}{section}
"""


def end_alerts(ctx: Context, clock: Any) -> None:
    """Let time pass until no alert of `fire(ttl=20)` fires any more."""
    clock.move(21)
    alerts.evaluate(ctx)


def outputs(incident: dict[str, Any]) -> list[str]:
    """Return what each action said last, in order."""
    return [entry["results"][-1]["output"] if entry["results"] else "" for entry in incident["actions"]]
