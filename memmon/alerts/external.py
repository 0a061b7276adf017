"""Alerts that a caller sends, as Prometheus sends them to an Alertmanager: each with its own
beginning and end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.alerts import merging, rule, store
from memmon.alerts.machine import Active, Transition
from memmon.alerts.merging import Report
from memmon.alerts.service import announce
from memmon.alerts.tables import AlertRow
from memmon.context import Context
from memmon.jobs import Job
from memmon.labels import Labels

log = logging.getLogger(__name__)

RULE = "api"
"""Rule id of all alerts that callers post: a label set is one alert, regardless of its alertname.
"""

GENERATOR = "generator_url"
"""The annotation that keeps where an alert came from."""


class PostedAlert(NamedTuple):
    """One alert as sent. Times are Unix seconds; one whose end is over is resolved."""

    labels: Labels
    annotations: dict[str, str]
    starts_at: float
    ends_at: float
    end_is_given: bool = False


def receive(ctx: Context, posted_alerts: Sequence[PostedAlert]) -> list[Job]:
    """Fire or resolve each posted alert and return the follow-up jobs. An alert that is already
    active is merged with the earlier report.
    """
    now = ctx.now()
    transitions: list[Transition] = []
    with ctx.write() as session:
        for posted_alert in posted_alerts:
            transitions += _take(session, posted_alert, now)
    return announce(ctx, transitions)


def _take(session: Session, posted_alert: PostedAlert, now: float) -> list[Transition]:
    key = store.key(RULE, posted_alert.labels)
    for row in store.with_key(session, key):
        return _again(session, row, posted_alert, now)
    if posted_alert.ends_at <= now:
        return []  # An unknown alert that has already ended needs no row.
    began = min(posted_alert.starts_at, now)
    values = {
        "active": key,
        "version": 1,
        "source": "api",
        "rule": RULE,
        "fingerprint": label_sets.fingerprint(posted_alert.labels),
        "labels": dict(posted_alert.labels),
        "annotations": posted_alert.annotations,
        "severity": rule.severity_of(dict(posted_alert.labels)),
        "state": "firing",
        "value": None,
        "threshold": None,
        "pending_at": began,
        "firing_at": began,
        "resolved_at": None,
        "ends_at": posted_alert.ends_at,
        "end_is_given": posted_alert.end_is_given,
        "evaluated_at": now,
        "flaps": store.flaps(session, RULE, label_sets.fingerprint(posted_alert.labels), now),
    }
    if not store.insert(session, values):
        return _take(session, posted_alert, now)  # It came meanwhile.
    log.warning("firing %s: sent by a caller, above its threshold", label_sets.show(posted_alert.labels))
    return [Transition(None, "firing", Active(posted_alert.labels, "firing", 1.0, began, began))]


def _again(session: Session, row: AlertRow, posted_alert: PostedAlert, now: float) -> list[Transition]:
    """Bring an alert that fires up to date with another report of it."""
    stored = Report(row.firing_at or now, row.ends_at or now, row.evaluated_at, not row.end_is_given)
    posted = Report(posted_alert.starts_at, posted_alert.ends_at, now, not posted_alert.end_is_given)
    after = merging.merged(stored, posted, now) if merging.overlap(stored, posted) else posted
    began = min(after.start, now)
    values = {
        "annotations": posted_alert.annotations,
        "evaluated_at": now,
        "ends_at": after.end,
        "end_is_given": not after.timeout,
    }
    if after.end > now:
        store.swap(session, row.id, row.version, firing_at=began, pending_at=began, **values)
        return []
    ended = {"state": "resolved", "resolved_at": now, "active": None}
    if not store.swap(session, row.id, row.version, **values, **ended):
        return []
    log.info("resolved %s", label_sets.show(posted_alert.labels))
    return [Transition("firing", "resolved", store.as_active(row))]
