"""What a collector returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.samples import Metadata, Sample

NOTHING: NDArray[np.float64] = np.empty(0)


class Collected(NamedTuple):
    """Result of one collection: series without the target's own labels, their values and metadata.
    `timed` samples carry their own timestamps; `error` is the reason of a failure.

    A page like the previous one reuses the same `series` and `metadata` objects.
    """

    series: tuple[Labels, ...] = ()
    values: NDArray[np.float64] = NOTHING
    metadata: Mapping[str, Metadata] = {}
    error: str | None = None
    timed: tuple[Sample, ...] = ()


class SampleSheet:
    """Gauges and counters as they are written down."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.metadata: dict[str, Metadata] = {}

    def add(self, name: str, help_text: str, value: float, kind: str = "gauge", **pairs: str) -> None:
        """Write one value down."""
        self.metadata[name] = Metadata(kind, help_text)
        self.samples.append(Sample(label_sets.of({**pairs, label_sets.NAME: name}), float(value)))

    def done(self, error: str | None = None) -> Collected:
        """Return all of it."""
        return of_samples(self.samples, self.metadata, error)


def of_samples(samples: list[Sample], metadata: Mapping[str, Metadata], error: str | None = None) -> Collected:
    """Return samples as a collector does."""
    plain = [sample for sample in samples if sample.at is None]
    timed = tuple(sample for sample in samples if sample.at is not None)
    values = np.array([sample.value for sample in plain], dtype=np.float64)
    return Collected(tuple(sample.labels for sample in plain), values, metadata, error, timed)
