from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmon.routing import dedup
from memmon.routing.dedup import NotificationLogEntry
from tests.memmon.routing.tables import table

HOUR = 3600.0


def log_entry(firing: set[int], resolved: set[int] | None = None, at: float = 0.0) -> NotificationLogEntry:
    return NotificationLogEntry(frozenset(firing), frozenset(resolved or ()), at)


@pytest.mark.parametrize(
    ("firing", "resolved", "before", "now", "reason"),
    [
        ({1}, set(), None, 0, "first notification"),
        (set(), {1}, None, 0, "nothing firing and nothing notified before"),
        ({1}, set(), log_entry({1}), 10, "nothing new"),
        ({1, 2}, set(), log_entry({1}), 10, "new alerts added"),
        ({2}, {1}, log_entry({1}), 10, "new alerts added"),
        ({1}, {2}, log_entry({1, 2}), 10, "some alerts resolved"),
        (set(), {1}, log_entry({1}), 10, "all alerts resolved"),
        (set(), {1}, log_entry(set(), {1}), 10, "nothing new"),
        ({1}, set(), log_entry({1}), HOUR, "nothing new"),
        ({1}, set(), log_entry({1}), HOUR + 1, "repeat interval elapsed"),
    ],
)
def test_the_reason_follows_from_what_is_and_what_was_told(
    firing: set[int], resolved: set[int], before: NotificationLogEntry | None, now: float, reason: str
) -> None:
    assert dedup.decide(firing, resolved, before, HOUR, now) == reason


def test_what_somebody_cares_for_is_not_repeated_but_news_of_it_is_told() -> None:
    assert dedup.decide({1}, set(), log_entry({1}), HOUR, 2 * HOUR, acknowledged=True) == "acknowledged"
    assert dedup.decide({1, 2}, set(), log_entry({1}), HOUR, 2 * HOUR, acknowledged=True) == "new alerts added"
    assert dedup.decide(set(), {1}, log_entry({1}), HOUR, 1, acknowledged=True) == "all alerts resolved"


@pytest.mark.parametrize("row", table("dedup", "decisions"))
def test_alertmanager_decides_the_same(row: dict[str, Any]) -> None:
    entry = row["entry"]
    before = log_entry(set(entry["firing"]), set(entry["resolved"]), at=-entry["age"]) if entry else None
    decision = dedup.decide(
        set(row["firing"]),
        set(row["resolved"]),
        before,
        row["repeat_interval"],
        0,
        send_resolved=row["send_resolved"],
    )
    assert (decision in dedup.SENDING) == row["notify"]
    assert (decision if row["notify"] else "none") == row["reason"]


numbers = st.frozensets(st.integers(1, 5))


@given(
    numbers, numbers, st.none() | st.builds(NotificationLogEntry, numbers, numbers, st.floats(-1e6, 0)), st.booleans()
)
def test_what_was_just_told_is_not_told_again(
    firing: frozenset[int], resolved: frozenset[int], before: NotificationLogEntry | None, acknowledged: bool
) -> None:
    resolved -= firing
    decision = dedup.decide(firing, resolved, before, HOUR, 0, acknowledged)
    after = NotificationLogEntry(firing, resolved, 0) if decision in dedup.SENDING else before
    assert dedup.decide(firing, resolved, after, HOUR, 0, acknowledged) not in dedup.SENDING
    if firing and not (before and firing <= before.firing):
        assert decision in dedup.SENDING  # Nobody who fires is passed over.
