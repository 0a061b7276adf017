"""Rejected parts of a push, with reasons: returned to the sender, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from memmon.metrics.head.timestamped import OUT_OF_BOUNDS, TOO_MANY_SERIES
from memmon.samples import Metadata, Sample

LONGEST_EXAMPLE = 300

INVALID_LABELS = "invalid_labels"
NATIVE_HISTOGRAM = "native_histogram"
EXEMPLAR = "exemplar"
DELTA = "delta_temporality"
NO_TEMPORALITY = "no_temporality"
EXPONENTIAL = "exponential_histogram"
NO_VALUE = "no_value"

SAYS = {
    INVALID_LABELS: "invalid metric name or labels",
    NATIVE_HISTOGRAM: "native histograms are not kept; send classic ones",
    EXEMPLAR: "exemplars are not kept",
    DELTA: "delta temporality is not kept; export cumulative values",
    NO_TEMPORALITY: "no aggregation temporality; export cumulative values",
    EXPONENTIAL: "exponential histograms are not kept; use explicit buckets",
    NO_VALUE: "a data point without a value",
    OUT_OF_BOUNDS: "out of bounds: too old, or too far in the future",
    TOO_MANY_SERIES: "this source has too many series",
}


class Refusals:
    """How much was refused for which reason, with the first example of each."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, str] = {}

    def add(self, reason: str, count: int = 1, example: str = "") -> None:
        """Count the rejections."""
        if count:
            self.counts[reason] = self.counts.get(reason, 0) + count
            self.examples.setdefault(reason, example[:LONGEST_EXAMPLE])

    def add_all(self, counts: Mapping[str, int], examples: Mapping[str, str]) -> None:
        """Count what another one refused."""
        for reason, count in counts.items():
            self.add(reason, count, examples.get(reason, ""))

    def __bool__(self) -> bool:
        return bool(self.counts)

    @property
    def total(self) -> int:
        """How much it is in all."""
        return sum(self.counts.values())

    def text(self, noun: str) -> str:
        """Return a sentence with the number of rejected `noun`s."""
        reasons = []
        for reason, count in self.counts.items():
            example = f", e.g. {self.examples[reason]}" if self.examples[reason] else ""
            reasons.append(f"{count}: {SAYS[reason]}{example}")
        return f"refused {self.total} {noun}; " + "; ".join(reasons)


class Pushed(NamedTuple):
    """What a push says, and what of it is refused."""

    samples: list[Sample]
    metadata: dict[str, Metadata]
    refused: Refusals
