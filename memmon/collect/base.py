"""What a collector returns."""

from __future__ import annotations

from typing import NamedTuple

from memmon import labels as label_sets
from memmon.samples import Metadata, Sample


class Collected(NamedTuple):
    """Samples without the target's own labels, and what they mean. `error` says what could not be had."""

    samples: list[Sample]
    metadata: dict[str, Metadata]
    error: str | None = None


class Sheet:
    """Gauges and counters as they are written down."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.metadata: dict[str, Metadata] = {}

    def add(self, name: str, help_text: str, value: float, kind: str = "gauge", **pairs: str) -> None:
        """Write one value down."""
        self.metadata[name] = Metadata(kind, help_text)
        self.samples.append(Sample(label_sets.of({**pairs, label_sets.NAME: name}), float(value)))

    def done(self) -> Collected:
        """Return all of it."""
        return Collected(self.samples, self.metadata)
