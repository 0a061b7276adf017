import pytest

from memmon.health import score
from memmon.health.model import Status, banded, worst


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, 1.0),
        ({"a": "healthy", "b": "healthy"}, 1.0),
        ({"a": "healthy", "b": "degraded"}, 0.85),
        ({"a": "critical"}, 0.0),
    ],
)
def test_the_score_is_the_weighted_mean(statuses: dict[str, Status], expected: float) -> None:
    assert score.score(statuses, {}) == pytest.approx(expected)


def test_one_critical_check_holds_the_score_below_the_emergency_line() -> None:
    amount: dict[str, Status] = {str(n): "healthy" for n in range(20)}
    assert score.score({**amount, "x": "critical"}, {}) == score.CRITICAL_CAP < 0.5


def test_what_was_lost_adds_up_to_what_is_missing() -> None:
    rows: list[tuple[str, Status, str]] = [("a", "critical", "gone"), ("b", "degraded", "slow"), ("c", "healthy", "")]
    losses = score.losses(rows, {"a": 1, "b": 2, "c": 9})
    assert [loss.check for loss in losses] == ["a", "b"]
    missing = 1 - score.score({name: status for name, status, _ in rows}, {"a": 1, "b": 2, "c": 9})
    assert sum(loss.points for loss in losses) == pytest.approx(missing)


def test_bands_and_the_worst() -> None:
    assert [banded(value, 70, 80, 90) for value in (69, 70, 80, 95)] == ["healthy", "degraded", "unhealthy", "critical"]
    assert worst(["healthy", "unhealthy", "degraded"]) == "unhealthy"
    assert worst([]) == "healthy"


def test_a_long_history_keeps_the_worst_of_each_stretch_of_each_target() -> None:
    rows = [(f"{'ab'[n % 2]}", 0.1 if n == 57 else 1.0, n) for n in range(200)]
    thinned_rows = score.thinned(rows, lambda row: row[:2], 20)
    assert 20 <= len(thinned_rows) <= 22
    assert ("b", 0.1, 57) in thinned_rows
    assert [row[2] for row in thinned_rows] == sorted(row[2] for row in thinned_rows)
    assert score.thinned(rows[:5], lambda row: row[:2], 20) == rows[:5]
