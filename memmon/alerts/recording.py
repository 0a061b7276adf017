"""Writes back what rules say: the results of recording rules, and ALERTS and ALERTS_FOR_STATE as
Prometheus has them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from memmon import labels as label_sets
from memmon.alerts import store
from memmon.alerts.rule import RecordingRule
from memmon.context import Context
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.metrics import service as metrics
from memmon.samples import STALE_NAN, Metadata, Point, Sample
from memmon.state import client, keys, lease

SOURCE = "rules"
ALERTS_EVERY = 15.0
"""Seconds after which ALERTS is written again although nothing changed, far less than the five
minutes of a query's look back.
"""
ABOUT = {
    "ALERTS": Metadata("gauge", "1 for every alert that is pending or firing."),
    "ALERTS_FOR_STATE": Metadata("gauge", "When an alert's condition began to hold, in Unix seconds."),
}
_known: dict[str, tuple[bytes, frozenset[Labels]]] = {}
"""By rule, the series that it wrote last, with their digest, as this process knows them."""


def named(rule: RecordingRule, vector: Sequence[Point], limit: int) -> list[Point]:
    """Return the series that a rule makes of a query's result; raise BadQuery where two of them are
    one, or they are too many.
    """
    added = {**rule.labels, label_sets.NAME: rule.name}
    values = {label_sets.merge(point.labels, added): point.value for point in vector}
    if len(values) < len(vector):
        raise BadQuery("vector contains metrics with the same labelset after applying rule labels", "execution")
    if limit and len(values) > limit:
        raise BadQuery(f"exceeded limit of {limit} with {len(values)} series", "execution")
    return [Point(labels, value) for labels, value in values.items()]


def write(ctx: Context, results: Mapping[str, Sequence[Point]], now: float) -> None:
    """Write the series of each rule. Series that a rule no longer produces end with a stale marker.

    Which those are is kept in Redis, since another worker may have written them. It is changed
    after the write: who dies between the two has the markers written once more.
    """
    at, samples, changed = round(now * 1000), [], {}
    with client.edge():
        digests = cast("list[bytes | None]", ctx.redis.hmget(keys.rule_series(), list(results)))
    for (rule, points), digest in zip(results.items(), digests, strict=True):
        fresh = frozenset(point.labels for point in points)
        before = _before(ctx, rule, digest)
        samples += [Sample(point.labels, point.value, at) for point in points]
        samples += [Sample(labels, STALE_NAN, at) for labels in before - fresh]
        if fresh != before:
            changed[rule] = fresh
    if samples:
        metrics.ingest_timed(ctx, SOURCE, samples, ABOUT)
    for rule, fresh in changed.items():
        _keep(ctx, rule, fresh)


def _before(ctx: Context, rule: str, digest: bytes | None) -> frozenset[Labels]:
    if digest is None:
        return frozenset()
    cached = _known.get(rule)
    if cached is None or cached[0] != digest:
        with client.edge():
            text = cast("bytes | None", ctx.redis.get(keys.rule_series_of(rule)))
        cached = _known[rule] = (digest, frozenset(label_sets.of(labels) for labels in json.loads(text or b"[]")))
    return cached[1]


def _keep(ctx: Context, rule: str, fresh: frozenset[Labels]) -> None:
    text = json.dumps([dict(labels) for labels in sorted(fresh)])
    digest = hashlib.sha256(text.encode()).hexdigest().encode()
    with client.edge():
        ctx.redis.set(keys.rule_series_of(rule), text, ex=keys.RULE_SERIES_SECONDS)
        ctx.redis.hset(keys.rule_series(), rule, digest.decode())
    _known[rule] = (digest, fresh)


def write_alerts(ctx: Context, is_changed: bool, now: float) -> None:
    """Write ALERTS and ALERTS_FOR_STATE when something changed, else once in a while."""
    if not lease.claim_period(ctx.redis, "alerts-series", ALERTS_EVERY, now) and not is_changed:
        return
    with ctx.read() as session:
        rows = [row for row in store.active_rows(session) if row.source == "rule"]
    write(ctx, {"ALERTS": series((row.labels, row.state, row.pending_at) for row in rows)}, now)


def series(alerts: Any) -> list[Point]:
    """Return the two series of each alert, given as labels, state and when it became pending."""
    points = []
    for labels, state, pending_at in alerts:
        named_ = {**labels, label_sets.NAME: "ALERTS", "alertstate": state}
        points.append(Point(label_sets.of(named_), 1.0))
        points.append(Point(label_sets.of({**labels, label_sets.NAME: "ALERTS_FOR_STATE"}), float(int(pending_at))))
    return points
