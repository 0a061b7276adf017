"""histogram_quantile of frames, see `exact/histogram.py`. Histograms with different buckets are
left to the exact evaluator.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.promql.annotations import Lift
from memmon.promql.block import Roster
from memmon.promql.exact import histogram
from memmon.promql.vectorized import frame as frames
from memmon.promql.vectorized.frame import Bools, Floats, Frame, Indexes, memoized


class BucketFamily(NamedTuple):
    """Histograms with the same bounds: `places` [G, B] are their bucket columns in the frame,
    `groups` their columns in the result.
    """

    bounds: Floats
    places: Indexes
    groups: Indexes


class Histograms(NamedTuple):
    """The histograms of a roster: grouped by bounds, with metric names, and the irregular ones that
    are evaluated singly.
    """

    roster: Roster
    names: list[str]
    families: list[BucketFamily]
    odd: list[tuple[int, list[tuple[float, int]]]]
    without_bound: list[int]


def histograms(roster: Roster) -> Histograms:
    """Return the histograms of `roster`."""
    return memoized(roster, "histograms", lambda: _histograms(roster))


def _histograms(roster: Roster) -> Histograms:
    groups: dict[Labels, list[tuple[float, int]]] = {}
    without = []
    for index, labels in enumerate(roster.labels):
        bound = histogram.bound(label_sets.get(labels, "le"))
        if bound is None:
            without.append(index)
        else:
            groups.setdefault(label_sets.without(labels, "le"), []).append((bound, index))
    by_bounds: dict[tuple[float, ...], list[tuple[int, list[int]]]] = {}
    odd = []
    for group, buckets in enumerate(groups.values()):
        ordered = sorted(buckets)
        bounds = tuple(bound for bound, _ in ordered)
        if len(set(bounds)) != len(bounds) or len(bounds) < 2 or not np.isposinf(bounds[-1]) or np.isnan(bounds).any():
            odd.append((group, ordered))
        else:
            by_bounds.setdefault(bounds, []).append((group, [index for _, index in ordered]))
    families = [
        BucketFamily(np.array(bounds), np.array([p for _, p in rows], dtype=np.intp), np.array([g for g, _ in rows]))
        for bounds, rows in by_bounds.items()
    ]
    names = [label_sets.name_of(labels) for labels in groups]
    return Histograms(
        Roster([label_sets.without(labels, label_sets.NAME) for labels in groups]), names, families, odd, without
    )


class MonotonicBuckets(NamedTuple):
    """A histogram whose counts were lifted at a step."""

    name: str
    lift: Lift
    step: int


class QuantileResult(NamedTuple):
    """The quantiles, the histograms whose counts were lifted, and the series that are no
    buckets.
    """

    frame: Frame
    lifted: list[MonotonicBuckets]
    without_bound: list[Labels]


def quantiles(q: Floats, frame: Frame) -> QuantileResult | None:
    """Return the quantile `q` [K] of each histogram; None where two differ in nothing but their
    names.
    """
    grouped = histograms(frame.roster)
    if not frames.is_unique(grouped.roster):
        return None
    there = frame.there()
    values = np.zeros((len(q), len(grouped.roster)))
    present = np.zeros(values.shape, dtype=bool)
    lifted: list[MonotonicBuckets] = []
    for family in grouped.families:
        _family(q, frame, there, family, values, present, grouped.names, lifted)
    for group, buckets in grouped.odd:
        for step in range(len(q)):
            _one(q, frame, there, step, group, buckets, values, present, grouped.names, lifted)
    bad = [frame.roster.labels[i] for i in grouped.without_bound if there[:, i].any()]
    return QuantileResult(Frame(grouped.roster, values, None if present.all() else present), lifted, bad)


def _family(
    q: Floats,
    frame: Frame,
    there: Bools,
    family: BucketFamily,
    values: Floats,
    present: Bools,
    names: list[str],
    lifted: list[MonotonicBuckets],
) -> None:
    """Compute the histograms of one family; steps with missing buckets are computed singly."""
    counts = frame.values[:, family.places]
    bucket_present = there[:, family.places]
    whole = bucket_present.all(axis=2) & ~np.isnan(counts).any(axis=2)
    result, raised = _interpolated(q, family.bounds, counts)
    values[:, family.groups] = result
    present[:, family.groups] = bucket_present.any(axis=2)
    usable = (q >= 0) & (q <= 1)
    # Invalid data is rare, so its messages are built singly.
    for step, group in np.argwhere(raised & whole & usable[:, None]).tolist():
        _, lift = histogram.quantile_of(0.5, zip(family.bounds.tolist(), counts[step, group].tolist(), strict=True))
        if lift:
            lifted.append(MonotonicBuckets(names[family.groups[group]], lift, step))
    for step, group in np.argwhere(~whole & bucket_present.any(axis=2)).tolist():
        buckets = list(zip(family.bounds.tolist(), family.places[group].tolist(), strict=True))
        _one(q, frame, there, step, int(family.groups[group]), buckets, values, present, names, lifted)


def _one(
    q: Floats,
    frame: Frame,
    there: Bools,
    step: int,
    group: int,
    buckets: list[tuple[float, int]],
    values: Floats,
    present: Bools,
    names: list[str],
    lifted: list[MonotonicBuckets],
) -> None:
    bucket_values = [(bound, float(frame.values[step, index])) for bound, index in buckets if there[step, index]]
    present[step, group] = bool(bucket_values)
    if bucket_values:
        values[step, group], lift = histogram.quantile_of(float(q[step]), bucket_values)
        if lift:
            lifted.append(MonotonicBuckets(names[group], lift, step))


def _interpolated(q: Floats, bounds: Floats, counts: Floats) -> tuple[Floats, Bools]:
    """Return the quantiles of cumulative `counts` [K, G, B], and which histograms had counts
    lifted.
    """
    counts = counts.copy()
    raised = np.zeros(counts.shape[:2], dtype=bool)
    with np.errstate(all="ignore"):
        for index in range(1, len(bounds)):
            before, count = counts[:, :, index - 1], counts[:, :, index]
            close = np.abs(count - before) <= histogram.TOLERANCE * np.abs(count + before)
            fell = ~close & (count < before)
            counts[:, :, index] = np.where(close | fell, before, count)
            raised |= fell
        total = counts[:, :, -1]
        rank = q[:, None] * total
        index = (counts < rank[:, :, None]).sum(axis=2)
        index = np.minimum(index, len(bounds) - 1)
        below = np.maximum(index - 1, 0)
        low = np.where(index > 0, np.take_along_axis(counts, below[:, :, None], axis=2)[:, :, 0], 0.0)
        inside = np.take_along_axis(counts, index[:, :, None], axis=2)[:, :, 0] - low
        start = np.where(index > 0, bounds[below], 0.0)
        quantile_values = np.where(inside == 0, np.nan, start + (bounds[index] - start) * ((rank - low) / inside))
        quantile_values = np.where((index == 0) & (bounds[0] <= 0), bounds[0], quantile_values)
        quantile_values = np.where(index == len(bounds) - 1, bounds[-2], quantile_values)
        quantile_values = np.where((total == 0) | np.isnan(total) | np.isnan(q)[:, None], np.nan, quantile_values)
        quantile_values = np.where((q < 0)[:, None], -np.inf, np.where((q > 1)[:, None], np.inf, quantile_values))
    return quantile_values, raised
