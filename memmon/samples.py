"""Samples and series: a sample is one value, a series is one label set over time."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon.labels import Labels

STALE_BITS = 0x7FF0000000000002
STALE_NAN: float = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
"""Prometheus' staleness marker: a NaN with its own bit pattern (`model/value/value.go`)."""


class Sample(NamedTuple):
    """One value. `labels` include `__name__`; `at` is Unix milliseconds, None for the time of the
    scrape.
    """

    labels: Labels
    value: float
    at: int | None = None


class Point(NamedTuple):
    """One element of an instant vector."""

    labels: Labels
    value: float


class Series(NamedTuple):
    """One label set over time: `times` are ascending int64 Unix milliseconds, `values` float64 of
    the same length.
    """

    labels: Labels
    times: NDArray[np.int64]
    values: NDArray[np.float64]


class Metadata(NamedTuple):
    """What a page says of a metric family."""

    kind: str
    help: str = ""
    unit: str = ""


def is_stale(value: float) -> bool:
    """Tell whether `value` is the staleness marker and not just any NaN."""
    return math.isnan(value) and int(struct.unpack("<Q", struct.pack("<d", value))[0]) == STALE_BITS


def stale_mask(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return True where `values` hold the staleness marker."""
    bits: NDArray[np.bool_] = values.view(np.uint64) == np.uint64(STALE_BITS)
    return bits
