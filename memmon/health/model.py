"""What a check finds."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Status = Literal["healthy", "degraded", "unhealthy", "critical"]

ORDER: tuple[Status, ...] = ("healthy", "degraded", "unhealthy", "critical")

VALUE: dict[str, float] = {"healthy": 1.0, "degraded": 0.7, "unhealthy": 0.3, "critical": 0.0}
"""What a status is worth, in the score and as `memmimic_health_check_status`."""


class CheckResult(NamedTuple):
    """One check's verdict; `detail` holds the numbers behind it."""

    status: Status
    message: str
    detail: dict[str, Any] = {}


def worst(statuses: list[Status]) -> Status:
    """Return the worst of `statuses`; of none, healthy."""
    return max(statuses, key=ORDER.index, default="healthy")


def banded(value: float, degraded: float, unhealthy: float, critical: float) -> Status:
    """Return the status of a value that is worse the higher it is."""
    if value >= critical:
        return "critical"
    if value >= unhealthy:
        return "unhealthy"
    return "degraded" if value >= degraded else "healthy"
