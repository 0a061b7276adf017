"""Pure: the status of memmon's components from their last heartbeats, and the overall status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memmon import encode

LATE_AFTER = 3.0
"""Intervals without a run after which a part is late. Beat's own start and a busy queue take up the
first.
"""

DOWN_AFTER = 10.0
LEAST_SECONDS = 15.0
"""A part whose tick comes every second is not late before that: a broker's restart takes it as
long.
"""


def component(last: Mapping[str, Any] | None, interval: float, now: float) -> dict[str, Any]:
    """Return status (operational, failed, late, down, or unknown before the first run), age and
    interval in seconds, last_run, and what the part said of its last run.
    """
    if last is None:
        return {"status": "unknown", "last_run": None, "age": None, "interval": interval}
    age = max(0.0, now - last["last_run"])
    status = "operational" if last["status"] == "ok" else "failed"
    if age > max(DOWN_AFTER * interval, 4 * LEAST_SECONDS):
        status = "down"
    elif age > max(LATE_AFTER * interval, LEAST_SECONDS):
        status = "late"
    detail = {name: value for name, value in last.items() if name not in ("status", "last_run")}
    about = {"last_run": encode.iso(last["last_run"]), "age": round(age, 3), "interval": interval}
    return {"status": status, **about, "detail": detail}


def system(
    outside: Mapping[str, Mapping[str, Any]],
    components: Mapping[str, Mapping[str, Any]],
    queues: Iterable[Mapping[str, Any]],
    health: Mapping[str, Any],
    alerts: Mapping[str, Any],
) -> tuple[str, list[str]]:
    """Return operational, degraded or critical, and why.

    Critical: Redis or SQL away, health critical, a critical alert that fires. Degraded: a part of
    memmon that does not run in its time, a queue that nobody serves, worse health, an error alert.
    """
    worst = [f"{name} is down: {state['reason']}" for name, state in outside.items() if state["status"] != "up"]
    lesser: list[str] = []
    # Else nothing is known of them, and that is one reason, not seven.
    if outside["redis"]["status"] == "up":
        lesser += [
            f"{name} is {component['status']}"
            for name, component in components.items()
            if component["status"] != "operational"
        ]
    idle = [queue["name"] for queue in queues if not queue["workers"]]
    lesser += [f"no worker serves {', '.join(idle)}"] if idle else []
    state = health.get("status", "unknown")
    if state == "critical":
        worst.append("health is critical")
    elif state != "healthy" and outside["database"]["status"] == "up":
        lesser.append(f"health is {state}")
    firing = alerts.get("alerts_by_severity", {})
    if firing.get("critical"):
        worst.append(f"{firing['critical']} critical alerts fire")
    if firing.get("error"):
        lesser.append(f"{firing['error']} error alerts fire")
    return ("critical" if worst else "degraded" if lesser else "operational"), [*worst, *lesser]
