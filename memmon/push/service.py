"""Public interface of push: accept pushed samples, store groups, and replay them at each
collection.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.context import Context
from memmon.db import advisory_lock
from memmon.errors import BadInput
from memmon.metrics import service as metrics
from memmon.push import group as groups
from memmon.push import otlp, remote_write, store
from memmon.push.group import Families, Inconsistent, PushGroup
from memmon.push.rejections import Pushed, Refusals
from memmon.samples import STALE_NAN, Metadata, Point, Sample
from memmon.state import counters, lease

log = logging.getLogger(__name__)

MAX_GROUPS = 5_000
MAX_SERIES = 10_000
"""Of all groups together: each is written again at each collection."""

LONGEST_INTERVAL = 60.0

SAY_EVERY = 60.0
"""Seconds between two lines in the log about what one source sends and is refused."""

SOURCE = "push:groups"
"""The shard of all groups."""


def put(ctx: Context, labels: dict[str, str], body: bytes, replaces: bool) -> None:
    """Store a page in the group with `labels`: replace the whole group, or only the families of the
    same names.

    Raises BadInput for what cannot be read, and Inconsistent for what does not go together, which
    the group then tells of.
    """
    now = ctx.now()
    try:
        families = groups.read(body, labels)
        before, after = _keep(ctx, labels, families, replaces, now)
    except Inconsistent as error:
        _keep_failure(ctx, labels, now)
        _count_refused(ctx, "group", {"inconsistent": 1})
        log.warning("a push of the group %s was refused: %s", labels, error.message)
        raise
    except BadInput as error:
        _count_refused(ctx, "group", {"unreadable": 1})
        log.warning("a push of the group %s was refused: %s", labels, error.message)
        raise
    _count(ctx, "group", len(groups.points(after)))
    _show(ctx, after, now, gone=_gone(before, after))


def _keep(
    ctx: Context, labels: dict[str, str], families: Families, replaces: bool, now: float
) -> tuple[PushGroup | None, PushGroup]:
    """Write a push into its group; return the group as it was and as it is."""
    key = groups.key_of(labels)
    with ctx.write() as session:
        # Whether a push goes together with the others is decided by one at a time.
        advisory_lock.take(session, "push")
        before = store.get(session, key)
        after = groups.pushed(before or PushGroup(labels, {}, 0.0, 0.0), families, replaces, now)
        _check_room(session, key, after)
        other_groups = [other for other in store.kinds(session) if other.key != key]
        # A series has the job of its group: only groups of this job can have it too.
        rivals = [o.key for o in other_groups if o.job == labels["job"] and o.kinds.keys() & families.keys()]
        taken = (point.labels for rival in store.groups_by_key(session, rivals) for point in groups.points(rival))
        problem = groups.conflict(after, [other.kinds for other in other_groups], taken)
        if problem:
            raise Inconsistent("body", problem)
        store.save(session, after)
    return before, after


def _check_room(session: Session, key: str, group: PushGroup) -> None:
    """Raise BadInput when with `group` there would be too much."""
    group_count, series = store.totals_of_others(session, key)
    if group_count >= MAX_GROUPS:
        raise BadInput("job", f"there are {MAX_GROUPS} groups already; delete some")
    if series + len(groups.points(group)) > MAX_SERIES:
        raise BadInput("body", f"all groups together would have more than {MAX_SERIES} series; delete some")


def _keep_failure(ctx: Context, labels: dict[str, str], now: float) -> None:
    """Record a refused push in its group, creating the group if needed."""
    with ctx.write() as session:
        advisory_lock.take(session, "push")
        before = store.get(session, groups.key_of(labels))
        after = (before or PushGroup(labels, {}, 0.0, 0.0))._replace(failed_at=now)
        try:
            _check_room(session, groups.key_of(labels), after)
        except BadInput:
            return
        store.save(session, after)
    _show(ctx, after._replace(families={}), now)


def delete(ctx: Context, labels: dict[str, str]) -> None:
    """Drop a group; its series go stale. One that is not there is no failure."""
    key = groups.key_of(labels)
    with ctx.write() as session:
        advisory_lock.take(session, "push")
        before = store.get(session, key)
        store.delete(session, key)
    if before is not None:
        _write(ctx, _stale(point.labels for point in groups.points(before)), {}, ctx.now())


def interval(ctx: Context) -> float:
    """Return the seconds between two times that groups are shown, far less than the five minutes
    for which a query sees them.
    """
    return min(ctx.settings.metrics_collection_interval, LONGEST_INTERVAL)


def replay(ctx: Context, now: float) -> int:
    """Show all groups again, once in each interval; return how many samples that were.

    The timestamp is taken before the groups are read: a group deleted meanwhile goes stale after
    it.
    """
    if not lease.claim_period(ctx.redis, "push", interval(ctx), now):
        return 0
    with ctx.read() as session:
        all_groups = store.everything(session)
    if not all_groups:
        return 0
    metadata: dict[str, Metadata] = {}
    for group in all_groups:
        metadata |= groups.metadata(group)
    points = [point for group in all_groups for point in groups.points(group)]
    _write(ctx, points, metadata, now)
    return len(points)


def _gone(before: PushGroup | None, after: PushGroup) -> list[Point]:
    """Return the markers that end the series which a push took away."""
    left = {point.labels for point in groups.points(after)}
    return _stale(p.labels for p in (groups.points(before) if before else ()) if p.labels not in left)


def _stale(series: Iterable[label_sets.Labels]) -> list[Point]:
    return [Point(labels, STALE_NAN) for labels in series]


def _show(ctx: Context, group: PushGroup, now: float, gone: Iterable[Point] = ()) -> None:
    _write(ctx, [*groups.points(group), *gone], groups.metadata(group), now)


def _write(ctx: Context, points: Iterable[Point], metadata: dict[str, Metadata], now: float) -> None:
    at = round(now * 1000)
    slot_ms = round(interval(ctx) * 1000)
    samples = [Sample(point.labels, point.value, at) for point in points]
    written = metrics.ingest_timed(ctx, SOURCE, samples, metadata, slot_ms)
    _count_refused(ctx, "group", written.refused)


def remote_write_1(ctx: Context, body: bytes, caller: str) -> Refusals:
    """Take in a remote-write request of `caller`; return what of it was refused."""
    try:
        pushed = remote_write.read(body)
    except BadInput:
        _count_refused(ctx, "remote_write", {"unreadable": 1})
        raise
    if pushed.metadata:
        sample_names = (label_sets.name_of(sample.labels) for sample in pushed.samples)
        metadata = remote_write.about_known(pushed.metadata, (*metrics.hot(ctx).names(), *sample_names))
        pushed = pushed._replace(metadata=metadata)
    return _take_in(ctx, "remote_write", f"write:{caller}", pushed)


def otlp_metrics(ctx: Context, body: bytes, content_type: str, caller: str) -> Refusals:
    """Take in an OTLP request of `caller`; return what of it was refused, by data points."""
    try:
        pushed = otlp.translate(otlp.read(body, content_type), metrics.timed_bounds(ctx))
    except BadInput:
        _count_refused(ctx, "otlp", {"unreadable": 1})
        raise
    return _take_in(ctx, "otlp", f"otlp:{caller}", pushed)


def _take_in(ctx: Context, protocol: str, source: str, pushed: Pushed) -> Refusals:
    written = metrics.ingest_timed(ctx, source, pushed.samples, pushed.metadata)
    refused = pushed.refused
    refused.add_all(written.refused, written.examples)
    _count(ctx, protocol, written.accepted)
    if refused:
        _count_refused(ctx, protocol, refused.counts)
        if lease.claim(ctx.redis, f"push-said:{source}", SAY_EVERY):
            log.warning("%s from %s: %s", protocol, source, refused.text("samples"))
    return refused


def _count(ctx: Context, protocol: str, samples: int) -> None:
    counters.add(ctx.redis, "memmon_push_requests_total", {"protocol": protocol})
    if samples:
        counters.add(ctx.redis, "memmon_push_samples_total", {"protocol": protocol}, samples)


def _count_refused(ctx: Context, protocol: str, counts: dict[str, int]) -> None:
    for reason, count in counts.items():
        counters.add(ctx.redis, "memmon_push_refused_total", {"protocol": protocol, "reason": reason}, count)
