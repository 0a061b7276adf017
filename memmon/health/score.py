"""Pure: the health score of a round, and the losses by check."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from memmon.health.model import VALUE, Status

Row = TypeVar("Row")

CRITICAL_CAP = 0.4
"""Cap of the score with one critical check: below the emergency threshold of 0.5."""


class Loss(NamedTuple):
    """What one check took from the score."""

    check: str
    points: float
    message: str


def score(statuses: Mapping[str, Status], weights: Mapping[str, float]) -> float:
    """Return the weighted mean of the checks' values, at most 0.4 while one is critical; 1 without
    checks.
    """
    total = sum(weights.get(name, 1.0) for name in statuses)
    if not total:
        return 1.0
    mean = sum(VALUE[status] * weights.get(name, 1.0) for name, status in statuses.items()) / total
    return min(mean, CRITICAL_CAP) if "critical" in statuses.values() else mean


def losses(rows: Sequence[tuple[str, Status, str]], weights: Mapping[str, float]) -> list[Loss]:
    """Return the points that each unhealthy (check, status, message) cost, largest first. The cap
    is shared among critical checks, so that the losses add up to 1 - score.
    """
    statuses = {name: status for name, status, _ in rows}
    total = sum(weights.get(name, 1.0) for name in statuses) or 1.0
    plain = {name: (1 - VALUE[status]) * weights.get(name, 1.0) / total for name, status in statuses.items()}
    missing = 1 - score(statuses, weights) - sum(plain.values())
    critical = [name for name, status in statuses.items() if status == "critical"]
    losses = [
        Loss(name, plain[name] + (missing / len(critical) if name in critical else 0.0), message)
        for name, status, message in rows
        if status != "healthy"
    ]
    return sorted(losses, key=lambda loss: -loss.points)


def thinned(rows: Sequence[Row], about: Callable[[Row], tuple[str, float]], limit: int) -> list[Row]:
    """Return about `limit` of `rows` in their order: of each stretch the row of the lowest score
    for each target.

    `about` gives target and score of a row.
    """
    if len(rows) <= limit:
        return list(rows)
    thinned_rows: list[Row] = []
    step = math.ceil(len(rows) / limit * len({about(row)[0] for row in rows}))
    for start in range(0, len(rows), step):
        lowest: dict[str, Row] = {}
        for row in rows[start : start + step]:
            target, value = about(row)
            if target not in lowest or value < about(lowest[target])[1]:
                lowest[target] = row
        thinned_rows += [row for row in rows[start : start + step] if lowest[about(row)[0]] is row]
    return thinned_rows
