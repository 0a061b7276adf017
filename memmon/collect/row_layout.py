"""Pure: the samples of a target as a row of its shard. Computed once for collections with the same
series.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memmon import labels as label_sets
from memmon.collect.base import Collected
from memmon.config.targets import Target
from memmon.labels import Labels
from memmon.metrics.head import series_layout
from memmon.metrics.head.series_layout import Member, Row, Shape
from memmon.samples import Metadata, Sample

MAX_KNOWN = 20_000
HITS, MISSES, RATE = "memmimic_cache_hits_total", "memmimic_cache_misses_total", "memmimic_cache_hit_rate"
OWN = {
    "up": Metadata("gauge", "Whether the target could be collected (1) or not (0)"),
    "scrape_duration_seconds": Metadata("gauge", "Time that the collection took, in seconds"),
    "scrape_samples_scraped": Metadata("gauge", "Samples that the target gave"),
}


class RowLayout(NamedTuple):
    """How the series of a target become a row: its member, the shape with and without a derived hit
    rate, and where hits and misses are, if the rate is to be derived.
    """

    series: tuple[Labels, ...]
    member: Member
    plain: Shape
    rated: Shape
    counts: tuple[int, int] | None


_known: dict[str, RowLayout] = {}


def row(target: Target, collected: Collected, seconds: float, at: int) -> Row:
    """Return the row of a collection at `at` (Unix ms) that took `seconds`, with its scrape
    metrics.
    """
    form = _form(target, collected)
    rate = _hit_rate(collected, form.counts)
    about = [float(collected.error is None), seconds, float(len(collected.series) + len(collected.timed))]
    if rate is not None:
        about.append(rate)
    return Row(form.member, form.plain if rate is None else form.rated, np.concatenate((collected.values, about)), at)


def timed(target: Target, collected: Collected) -> list[Sample]:
    """Return the samples with times of their own, with the target's labels."""
    return [sample._replace(labels=with_own(sample.labels, target.own_labels)) for sample in collected.timed]


def merged(first: Collected, second: Collected) -> Collected:
    """Join page and database of one target; the page, which is `first`, wins where both give a
    name.
    """
    names = {label_sets.name_of(labels) for labels in first.series}
    added = [index for index, labels in enumerate(second.series) if label_sets.name_of(labels) not in names]
    errors = [error for error in (first.error, second.error) if error]
    return Collected(
        (*first.series, *(second.series[index] for index in added)),
        np.concatenate((first.values, second.values[added])),
        {**second.metadata, **first.metadata},
        "; ".join(errors) or None,
        first.timed,
    )


def with_own(labels: Labels, target_labels: dict[str, str]) -> Labels:
    """Return `labels` with the target's own; one of the page's that it already has is kept as
    exported_<name>.
    """
    moved = {
        f"exported_{name}": value for name, value in labels if name in target_labels and value != target_labels[name]
    }
    return label_sets.merge(labels, {**moved, **target_labels})


def _form(target: Target, collected: Collected) -> RowLayout:
    member = Member(target.name, label_sets.of(target.own_labels))
    layout = _known.get(target.name)
    if layout is None or layout.series != collected.series or layout.member != member:
        while len(_known) >= MAX_KNOWN:
            _known.pop(next(iter(_known)), None)
        layout = _known[target.name] = _worked_out(member, target.own_labels, collected.series)
    return layout


def _worked_out(member: Member, target_labels: dict[str, str], series: tuple[Labels, ...]) -> RowLayout:
    names = [label_sets.name_of(labels) for labels in series]
    columns = [
        label_sets.without(with_own(labels, target_labels), label_sets.NAME, *target_labels) for labels in series
    ]
    about = [*OWN]
    plain = series_layout.of([*names, *about], [*columns, *([label_sets.EMPTY] * len(about))])
    counts = _counts(series)
    if counts is None:
        return RowLayout(series, member, plain, plain, None)
    rated = series_layout.of([*plain.names, RATE], [*plain.columns, label_sets.EMPTY])
    return RowLayout(series, member, plain, rated, counts)


def _counts(series: Sequence[Labels]) -> tuple[int, int] | None:
    """Return where hits and misses are, of a target that counts them and does not give the rate
    itself.
    """
    at = {label_sets.name_of(labels): index for index, labels in enumerate(series) if len(labels) == 1}
    if HITS in at and MISSES in at and RATE not in at:
        return at[HITS], at[MISSES]
    return None


def _hit_rate(collected: Collected, counts: tuple[int, int] | None) -> float | None:
    if counts is None:
        return None
    hits, misses = (float(collected.values[index]) for index in counts)
    return hits / (hits + misses) if hits + misses else None
