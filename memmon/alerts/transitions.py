"""Effects of transitions: counters, the live feed, and follow-up jobs."""

from __future__ import annotations

from memmon.alerts import rule
from memmon.alerts.machine import Transition
from memmon.context import Context
from memmon.jobs import Job
from memmon.state import counters, live


def announce(ctx: Context, transitions: list[Transition]) -> list[Job]:
    """Count and publish transitions that are committed; return what follows from them."""
    publish(ctx, transitions)
    return jobs(transitions)


def publish(ctx: Context, transitions: list[Transition]) -> None:
    """Count and publish transitions that are committed."""
    for transition in transitions:
        if transition.after == "firing":
            severity = rule.severity_of(dict(transition.alert.labels))
            counters.add(ctx.redis, "memmimic_alerts_total", {"severity": severity})
    if transitions:
        live.publish(ctx.redis, "alerts", [{"labels": dict(t.alert.labels), "state": t.after} for t in transitions])


def jobs(transitions: list[Transition]) -> list[Job]:
    """Return what follows from transitions."""
    has_news = any(transition.after in ("firing", "resolved") for transition in transitions)
    return [Job("notify.tick"), Job("incidents.correlate")] if has_news else []
