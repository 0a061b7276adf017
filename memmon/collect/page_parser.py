"""Pure: a page that looks like the one before, in a fraction of the time.

A target usually exposes the same series in the same order with new values. The text before the last
blank of each line is then parsed already. Other pages go to the strict parser.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from memmon.collect.base import Collected, of_samples
from memmon.metrics import exposition


class PageLayout(NamedTuple):
    """Layout of a page: the text before the last blank of each line, the sample lines, the rest of
    the other lines, and the parse result.
    """

    heads: tuple[str, ...]
    samples: Callable[[Any], tuple[str, ...]]
    pick_others: Callable[[Any], tuple[str, ...]]
    words: tuple[str, ...]
    collected: Collected


def read(text: str, previous: PageLayout | None) -> tuple[Collected, PageLayout | None]:
    """Parse a page in text format 0.0.4, and return its layout if a similar page can be parsed
    faster; raise BadInput for an invalid page. `previous` is the layout of the target's last page.
    """
    lines = [line.rpartition(" ") for line in text.split("\n")]
    heads, _, tails = zip(*lines, strict=True)
    if previous is not None and heads == previous.heads and previous.pick_others(tails) == previous.words:
        numbers = previous.samples(tails)
        joined = "".join(numbers)
        # What float() reads and the format does not have: digits in groups, and blanks of other
        # kinds.
        if "_" not in joined and joined.split() == [joined]:
            try:
                return previous.collected._replace(values=np.array(list(map(float, numbers)))), previous
            except ValueError:
                pass  # The strict parser says which line it is.
    page = exposition.parse(text)
    collected = of_samples(page.samples, page.metadata)
    return collected, None if collected.timed else _known(heads, tails, collected)


def _known(heads: tuple[str, ...], tails: tuple[str, ...], collected: Collected) -> PageLayout | None:
    """Return how a page looked; None where its samples are not one a line, a series and a number
    with one blank between.
    """
    is_sample = [
        bool(f"{head}{tail}".strip()) and not f"{head} {tail}".lstrip().startswith("#")
        for head, tail in zip(heads, tails, strict=True)
    ]
    at = [index for index, is_one in enumerate(is_sample) if is_one]
    other_lines = [index for index, is_one in enumerate(is_sample) if not is_one]
    if len(at) != len(collected.series) or not at:
        return None
    for index, value in zip(at, collected.values.tolist(), strict=True):
        if not heads[index].strip() or not _is(tails[index], value):
            return None
    pick_others = _picker(other_lines)
    return PageLayout(heads, _picker(at), pick_others, pick_others(tails), collected)


def _is(text: str, value: float) -> bool:
    try:
        parsed = float(text)
    except ValueError:
        return False
    return parsed == value or (parsed != parsed and value != value)


def _picker(indexes: list[int]) -> Callable[[Any], tuple[str, ...]]:
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda row: tuple(row[index] for index in indexes)
