"""Pure: the newest value of each series of a block, at many moments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memmon.promql.block import NO_ROW, Block
from memmon.promql.exact.engine import LOOKBACK_MS
from memmon.promql.vectorized.frame import Bools, Floats
from memmon.samples import STALE_BITS

_STALE = np.uint64(STALE_BITS)
_NEVER = np.iinfo(np.int64).max


def of(block: Block, moments: Any) -> tuple[Floats, Bools, Any]:
    """Return the newest value of each series at each moment, whether it counts, and its time in
    ms.
    """
    shape = (len(moments), len(block.roster))
    if not len(block.times) or not shape[1]:
        return np.zeros(shape), np.zeros(shape, dtype=bool), np.zeros(shape)
    times = block.times
    rows = np.full((len(moments), times.shape[1]), -1, dtype=np.intp)
    # Rows before `first` are too old and rows after `end` too new; only the rows between are
    # searched.
    first = np.maximum.accumulate(times.max(axis=1)).searchsorted(moments - LOOKBACK_MS, "right")
    earliest = np.where(times > NO_ROW, times, _NEVER).min(axis=1)
    end = np.minimum.accumulate(earliest[::-1])[::-1].searchsorted(moments, "right")
    for step, (moment, low, high) in enumerate(zip(moments.tolist(), first.tolist(), end.tolist(), strict=True)):
        if step and moment == moments[step - 1]:
            rows[step] = rows[step - 1]
        elif low < high:
            window_times = times[low:high]
            is_sample: NDArray[np.bool_] = np.logical_and(window_times > NO_ROW, window_times <= moment)
            rows[step] = np.where(is_sample.any(axis=0), high - 1 - is_sample[::-1].argmax(axis=0), -1)
    at = np.where(rows >= 0, times[np.maximum(rows, 0), np.arange(times.shape[1])], NO_ROW)
    fresh = (rows >= 0) & (at > moments[:, None] - LOOKBACK_MS)
    values = block.values[np.maximum(rows, 0)[:, block.member], block.place]
    present = fresh[:, block.member] & (values.view(np.uint64) != _STALE)
    return values, present, at[:, block.member]
