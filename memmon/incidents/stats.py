"""How incidents have gone: times to detect, acknowledge, mitigate and resolve, against the targets,
and how actions did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from memmon import encode
from memmon.context import Context
from memmon.errors import BadInput, NotFound
from memmon.incidents import action_store, store
from memmon.incidents.tables import IncidentAction, IncidentRow

DAY = 86400.0
LONGEST = 366.0
PHASES = ("detect", "acknowledge", "mitigate", "resolve")
"""ITIL's and the field's four times: MTTD, MTTA, MTTM, MTTR; the last three count from the opening.
"""


def seconds(row: IncidentRow) -> dict[str, float | None]:
    """Return how many seconds each phase of an incident took; None where it is not over."""
    ends = (row.first_acknowledged_at, row.mitigated_at, row.resolved_at)
    durations = {
        name: None if end is None else max(0.0, end - row.opened_at) for name, end in zip(PHASES[1:], ends, strict=True)
    }
    return {"detect": max(0.0, row.opened_at - row.began_at), **durations}


def stats(ctx: Context, days: float = 30) -> dict[str, Any]:
    """Return {days, incidents, open, reopened, merged, within_target, times:
    {detect|acknowledge|mitigate|resolve: {count, mean, median, p90, worst}}, by_severity,
    by_playbook, by_day, actions: [{action, done, failed, refused, ...}]} of the incidents opened
    within `days`; times in seconds.
    """
    if not 0 < days <= LONGEST:
        raise BadInput("days", f"must be more than nothing and at most {LONGEST:g}")
    now = ctx.now()
    with ctx.read() as session:
        rows = [row for row in store.since(session, now - days * DAY) if row.opened_at >= now - days * DAY]
        actions = action_store.of_all(session, [row.id for row in rows])
    return {
        "days": days,
        **_of(rows, now),
        "by_severity": _by(rows, lambda row: row.severity, now),
        "by_playbook": _by(rows, lambda row: _playbook(row), now),
        "by_day": _by(rows, lambda row: str(encode.iso(row.opened_at))[:10], now),
        "actions": _actions(actions),
    }


def _playbook(row: IncidentRow) -> str:
    return row.key.split("{", 1)[0]


def _by(rows: Sequence[IncidentRow], of: Callable[[IncidentRow], str], now: float) -> dict[str, Any]:
    groups: dict[str, list[IncidentRow]] = defaultdict(list)
    for row in rows:
        groups[of(row)].append(row)
    return {name: _of(groups[name], now) for name in sorted(groups)}


def _of(rows: Sequence[IncidentRow], now: float) -> dict[str, Any]:
    unmerged = [row for row in rows if row.merged_into is None]
    times = [seconds(row) for row in unmerged]
    in_time = [(row.mitigated_at or now) - row.opened_at <= row.mttr_target_minutes * 60 for row in unmerged]
    return {
        "incidents": len(rows),
        "open": sum(row.open_key is not None for row in rows),
        "reopened": sum(row.reopened > 0 for row in rows),
        "merged": len(rows) - len(unmerged),
        "within_target": round(sum(in_time) / len(in_time), 4) if in_time else None,
        "times": {name: _spread(durations[name] for durations in times) for name in PHASES},
    }


def _spread(values: Iterable[float | None]) -> dict[str, float | int | None]:
    numbers = sorted(value for value in values if value is not None)
    if not numbers:
        return {"count": 0, "mean": None, "median": None, "p90": None, "worst": None}
    return {
        "count": len(numbers),
        "mean": round(sum(numbers) / len(numbers), 3),
        "median": round(numbers[(len(numbers) - 1) // 2], 3),
        "p90": round(numbers[min(len(numbers) - 1, int(0.9 * len(numbers)))], 3),
        "worst": round(numbers[-1], 3),
    }


def _actions(rows: Iterable[IncidentAction]) -> list[dict[str, Any]]:
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counted[row.action][row.state] += 1
        counted[row.action]["attempts"] += row.attempts
        counted[row.action]["taken_back"] += int(row.undo and row.state == "done")
    return [{"action": name, **dict(counted[name])} for name in sorted(counted)]


def playbook_history(ctx: Context, name: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """Return the newest incidents of a playbook, or of all: id, playbook, title, state, severity,
    opened_at, times in seconds, and how its actions did. NotFound for a playbook that no incident
    had and that is not configured.
    """
    with ctx.read() as session:
        rows = store.of_playbook(session, name, limit)
        actions = action_store.of_all(session, [row.id for row in rows])
    if name and not rows and all(playbook.name != name for playbook in ctx.config.playbooks.playbooks):
        raise NotFound(f"no playbook {name}")
    mine: dict[int, Counter[str]] = defaultdict(Counter)
    for action in actions:
        mine[action.incident_id][action.state] += 1
    return [
        {
            "id": row.id,
            "playbook": row.playbook.get("name", ""),
            "title": row.title,
            "state": row.state,
            "severity": row.severity,
            "dry_run": bool(row.playbook.get("dry_run")),
            "opened_at": encode.iso(row.opened_at),
            "resolved_at": encode.iso(row.resolved_at),
            "times": seconds(row),
            "target_seconds": row.mttr_target_minutes * 60,
            "actions": dict(mine[row.id]),
        }
        for row in rows
    ]
