"""How fast series come that have times of their own, and how long the slots of their ring are to be
for that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLOTS_MS = (1000, 2000, 5000, 10_000)
"""How long a slot may be: the longest at first, a shorter one for series that turn out to come
faster.
"""

FOLDS_TO_SHRINK = 2
STRIKES_LAST_MS = 60_000
MAX_REMEMBERED = 20_000

_strikes: dict[str, tuple[int, int]] = {}
"""Ring -> how often samples fell into one slot lately, and when that last was (Unix ms). Each
process counts its own.
"""


def slot_for(gap: int) -> int:
    """Return the longest slot in which two samples that are `gap` ms apart do not fall together for
    long.
    """
    return next((slot for slot in reversed(SLOTS_MS) if slot <= gap), SLOTS_MS[0])


def shorter(
    ring: str, slot_ms: int, within: NDArray[np.int64], across: NDArray[np.int64], cells: int, now: int
) -> int | None:
    """Return how long the slots of `ring` should be where samples fell together again; once may be
    chance.

    `within` are the gaps (ms) between samples of one slot in one write, of which `cells` were kept,
    and `across` the gaps to stored samples.
    """
    gaps = np.concatenate((within, across))
    if not len(gaps):
        return None
    before, at = _strikes.pop(ring, (0, now))
    strikes = (before if now - at < STRIKES_LAST_MS else 0) + bool(len(across)) + len(within) // cells
    while len(_strikes) >= MAX_REMEMBERED:
        _strikes.pop(next(iter(_strikes)))
    _strikes[ring] = strikes, now
    slot_wanted = slot_for(int(np.median(gaps)))
    return slot_wanted if strikes >= FOLDS_TO_SHRINK and slot_wanted < slot_ms else None
