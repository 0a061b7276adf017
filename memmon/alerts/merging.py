"""Pure: two reports of one alert. Source: Alertmanager's `types.Alert.Merge` and the rule by which
its provider merges at all.
"""

from __future__ import annotations

from typing import NamedTuple


class Report(NamedTuple):
    """One report of an alert. Times are Unix seconds; `timeout` is True when the end was derived
    from the resolve timeout.
    """

    start: float
    end: float
    updated: float
    timeout: bool


def overlap(stored: Report, posted: Report) -> bool:
    """Tell whether a report is of the same time as the stored one; otherwise it takes its place."""
    ends_inside = stored.start < posted.end < stored.end
    begins_inside = stored.start < posted.start < stored.end
    return ends_inside or begins_inside


def merged(report: Report, other: Report, now: float) -> Report:
    """Return both as one: the earlier beginning, and the end that the later report gives. An end
    that was given counts more than one that was made up; of two that are over, the later one
    counts.
    """
    older, newer = (report, other) if report.updated <= other.updated else (other, report)
    end = newer.end
    if newer.end <= now:
        if older.end <= now:
            end = max(older.end, newer.end)
    elif older.end > newer.end and not older.timeout:
        end = older.end
    return newer._replace(start=min(older.start, newer.start), end=end)
