"""Public interface of alerts: raise, acknowledge and resolve. Rule evaluation is in `evaluation`,
reads are in `queries`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.alerts import store
from memmon.alerts.evaluation import evaluate, rules
from memmon.alerts.machine import Active, Transition
from memmon.alerts.queries import (
    MOST_SHOWN,
    PastAlert,
    Unplaced,
    active,
    alerts_by_id,
    by_ids,
    by_rule,
    fired_between,
    firing,
    firing_labels,
    mark_placed,
    overview,
    past,
    rule_of,
    to_json,
    unplaced,
)
from memmon.alerts.tables import AlertRow
from memmon.alerts.transitions import announce
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.jobs import Job
from memmon.state import live

__all__ = [
    "MOST_SHOWN",
    "PastAlert",
    "Unplaced",
    "acknowledge",
    "active",
    "alerts_by_id",
    "announce",
    "by_ids",
    "by_rule",
    "evaluate",
    "fired_between",
    "firing",
    "firing_labels",
    "mark_placed",
    "overview",
    "past",
    "raise_event",
    "raise_in",
    "resolve",
    "rule_of",
    "rules",
    "unacknowledge",
    "unplaced",
]

log = logging.getLogger(__name__)

DRILL = "drill"
"""The source of an alert that is raised to see whom it reaches; nothing is done about it."""
LONGEST_ACKNOWLEDGED = 30 * 86400.0


def raise_event(
    ctx: Context,
    name: str,
    severity: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    ttl: float,
    source: str = "detector",
) -> list[Job]:
    """Make a finding an alert that fires for `ttl` seconds; raised again while it fires, it fires
    that much longer.
    """
    with ctx.write() as session:
        transitions = raise_in(session, name, severity, labels, annotations, ttl, ctx.now(), source)
    return announce(ctx, transitions)


def raise_in(
    session: Session,
    name: str,
    severity: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    ttl: float,
    now: float,
    source: str = "detector",
) -> list[Transition]:
    """The same inside a transaction of the caller's, who calls `announce` with the answer once it
    is committed.
    """
    full = label_sets.of({**labels, "alertname": name, "severity": severity})
    rule_id = f"{source}/{name}"
    values = {
        "active": store.key(rule_id, full),
        "version": 1,
        "source": source,
        "rule": rule_id,
        "fingerprint": label_sets.fingerprint(full),
        "labels": dict(full),
        "annotations": dict(annotations),
        "severity": severity,
        "state": "firing",
        "value": None,
        "threshold": None,
        "pending_at": now,
        "firing_at": now,
        "resolved_at": None,
        "ends_at": now + ttl,
        "evaluated_at": now,
        "flaps": store.flaps(session, rule_id, label_sets.fingerprint(full), now),
    }
    while not store.insert(session, values):
        if store.prolong(session, str(values["active"]), now + ttl, now, dict(annotations)):
            return []
        # It ended between the two statements: it is a new one after all.
    log.warning("firing %s: reported by a %s, above its threshold", label_sets.show(full), source)
    return [Transition(None, "firing", Active(full, "firing", 1.0, now, now))]


def acknowledge(
    ctx: Context, alert_id: int, by: str, comment: str = "", seconds: float | None = None
) -> dict[str, Any]:
    """Acknowledge a firing alert for `seconds`, or until it resolves. Its notifications are not
    repeated meanwhile.
    """
    if seconds is not None and not 0 < seconds <= LONGEST_ACKNOWLEDGED:
        raise BadInput("duration", "must be more than nothing and at most 30 days")
    now = ctx.now()
    until = None if seconds is None else now + seconds
    columns = {"acknowledged_by": by, "acknowledged_until": until, "comment": comment or None}
    return _by_hand(ctx, alert_id, acknowledged_at=now, **columns)[0]


def unacknowledge(ctx: Context, alert_id: int) -> dict[str, Any]:
    """Remove the acknowledgement of an alert."""
    return _by_hand(ctx, alert_id, acknowledged_at=None, acknowledged_by=None, acknowledged_until=None)[0]


def resolve(ctx: Context, alert_id: int, by: str, comment: str = "") -> tuple[dict[str, Any], list[Job]]:
    """End an alert by hand. One whose condition still holds fires anew at the next evaluation."""
    text = comment or f"resolved by {by}"
    alert, row = _by_hand(ctx, alert_id, state="resolved", resolved_at=ctx.now(), active=None, comment=text)
    return alert, announce(ctx, [Transition("firing", "resolved", store.as_active(row))])


def _by_hand(ctx: Context, alert_id: int, **values: Any) -> tuple[dict[str, Any], AlertRow]:
    with ctx.write() as session:
        row = store.lock_alert(session, alert_id)
        if row is None:
            raise NotFound(f"no alert {alert_id}")
        if row.state != "firing":
            raise Conflict(f"alert {alert_id} is {row.state}, not firing")
        store.swap(session, row.id, row.version, **values)
        session.flush()
        session.refresh(row)
        alert = to_json(row)
    live.publish(ctx.redis, "alerts", [alert])
    return alert, row
