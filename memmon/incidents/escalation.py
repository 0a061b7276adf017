"""Pure: who is paged next, and when. Levels come in order of their times; the last one is repeated until somebody answers."""

from __future__ import annotations

from typing import NamedTuple

from memmon.config.playbooks import Chain, Level


class Page(NamedTuple):
    """A page that is due: the level it goes to, its number (0 for the first), and when the next one is (Unix seconds)."""

    level: Level
    number: int
    next_at: float


def first_at(chain: Chain, opened_at: float) -> float:
    """Return when the first page is due."""
    return opened_at + chain.levels[0].after


def page(chain: Chain, pages: int, opened_at: float, now: float) -> Page:
    """Return the page that follows `pages` of them, made now."""
    last = len(chain.levels) - 1
    at = min(pages, last)
    if pages >= last:
        return Page(chain.levels[at], pages, now + chain.repeat)
    # One made by hand, ahead of its time, leaves the plan as it is; one that is late does not hold the next one up.
    return Page(chain.levels[at], pages, max(now, opened_at + chain.levels[at + 1].after))
