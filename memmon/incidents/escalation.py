"""Pure: who is paged next, and when. Levels follow in order of their times; the last one repeats
until someone acknowledges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from memmon.config.escalation import Chain, Level

Applies = Callable[[Level], bool]
"""Whether a level is one for this incident at this moment."""


class DuePage(NamedTuple):
    """A due page: its level, the level's index in the chain, whether it repeats, and when the next
    page is due (Unix seconds).
    """

    level: Level
    level_index: int
    again: bool
    next_at: float


def always(_level: Level) -> bool:
    """Every level applies."""
    return True


def first_at(chain: Chain, opened_at: float) -> float:
    """Return when the first page is due."""
    return opened_at + chain.levels[0].after


def page(
    chain: Chain, reached: int, opened_at: float, now: float, applies: Applies = always, hurry: bool = False
) -> DuePage:
    """Return the page that is made now, after `reached` levels were; with `hurry` the next level's
    turn has come.
    """
    levels = chain.levels
    if reached and not hurry and reached < len(levels):
        current_level, following = levels[reached - 1], levels[reached]
        if current_level.repeat and opened_at + following.after > now:
            return DuePage(
                current_level, reached - 1, True, min(now + current_level.repeat, opened_at + following.after)
            )
    index = _next(chain, reached, applies)
    level = levels[index]
    # One made by hand, ahead of its time, leaves the plan as it is; one that is late does not hold
    # the next one up.
    then = max(now, opened_at + levels[index + 1].after) if index + 1 < len(levels) else now + chain.repeat
    return DuePage(level, index, index < reached, min(then, now + level.repeat) if level.repeat else then)


def _next(chain: Chain, reached: int, applies: Applies) -> int:
    """Return the index of the next applicable level, else of the last applicable one, so that every
    page has a recipient.
    """
    fitting = [index for index, level in enumerate(chain.levels) if applies(level)]
    above = [index for index in fitting if index >= reached]
    return above[0] if above else fitting[-1] if fitting else len(chain.levels) - 1
