"""What others hear of transitions: counted, published, and the work that follows."""

from __future__ import annotations

from memmon.alerts import rule
from memmon.alerts.machine import Transition
from memmon.context import Context
from memmon.jobs import Job
from memmon.state import counters, live


def announce(ctx: Context, made: list[Transition]) -> list[Job]:
    """Count and publish transitions that are committed; return what follows from them."""
    publish(ctx, made)
    return jobs(made)


def publish(ctx: Context, made: list[Transition]) -> None:
    """Count and publish transitions that are committed."""
    for one in made:
        if one.after == "firing":
            severity = rule.severity_of(dict(one.alert.labels))
            counters.add(ctx.redis, "memmimic_alerts_total", {"severity": severity})
    if made:
        live.publish(ctx.redis, "alerts", [{"labels": dict(t.alert.labels), "state": t.after} for t in made])


def jobs(made: list[Transition]) -> list[Job]:
    """Return what follows from transitions."""
    told = any(one.after in ("firing", "resolved") for one in made)
    return [Job("notify.tick"), Job("incidents.correlate")] if told else []
