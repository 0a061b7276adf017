"""Alerts that a caller sends, as Prometheus sends them to an Alertmanager: each with its own beginning and end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.alerts import rule, store
from memmon.alerts.machine import Active, Transition
from memmon.alerts.service import announce
from memmon.context import Context
from memmon.jobs import Job
from memmon.labels import Labels

log = logging.getLogger(__name__)

RULE = "api"
"""What stands for the rule of a caller's alert: one label set is one alert, whatever its name."""

GENERATOR = "generator_url"
"""The annotation that keeps where an alert came from."""


class Given(NamedTuple):
    """One alert as sent. Times are Unix seconds; one whose end is over is resolved."""

    labels: Labels
    annotations: dict[str, str]
    starts_at: float
    ends_at: float


def receive(ctx: Context, given: Sequence[Given]) -> list[Job]:
    """Let each alert fire until its end, or end with it; return what follows."""
    now = ctx.now()
    made: list[Transition] = []
    with ctx.write() as session:
        for one in given:
            made += _resolve(session, one, now) if one.ends_at <= now else _fire(session, one, now)
    return announce(ctx, made)


def _fire(session: Session, one: Given, now: float) -> list[Transition]:
    key = store.key(RULE, one.labels)
    began = min(one.starts_at, now)
    values = {
        "active": key,
        "version": 1,
        "source": "api",
        "rule": RULE,
        "fingerprint": label_sets.fingerprint(one.labels),
        "labels": dict(one.labels),
        "annotations": one.annotations,
        "severity": rule.severity_of(dict(one.labels)),
        "state": "firing",
        "value": None,
        "threshold": None,
        "pending_at": began,
        "firing_at": began,
        "resolved_at": None,
        "ends_at": one.ends_at,
        "evaluated_at": now,
        "flaps": store.flaps(session, RULE, label_sets.fingerprint(one.labels), now),
    }
    if store.insert(session, values):
        log.warning("firing %s: sent by a caller, above its threshold", label_sets.show(one.labels))
        return [Transition(None, "firing", Active(one.labels, "firing", 1.0, began, began))]
    changed = {"ends_at": one.ends_at, "annotations": one.annotations, "evaluated_at": now}
    for row in store.with_key(session, key):
        store.swap(session, row.id, row.version, **changed)
    return []


def _resolve(session: Session, one: Given, now: float) -> list[Transition]:
    """End the alert where it fires; one that nobody here has heard of needs no end."""
    made = []
    for row in store.with_key(session, store.key(RULE, one.labels)):
        ended = {"state": "resolved", "resolved_at": now, "ends_at": one.ends_at, "active": None}
        if store.swap(session, row.id, row.version, **ended):
            log.info("resolved %s", label_sets.show(one.labels))
            made.append(Transition("firing", "resolved", store.as_active(row)))
    return made
