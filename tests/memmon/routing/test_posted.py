import pytest

from memmon.context import Context
from memmon.errors import BadInput
from memmon.promql.matcher import Matcher
from memmon.routing import posted
from tests.conftest import Clock

HOUR = 3600.0
SAME = (Matcher("a", "=", "b"),)
OTHER = (Matcher("a", "=", "c"),)


def post(ctx: Context, number: str | None, start: float, end: float, matchers: tuple[Matcher, ...] = SAME) -> str:
    now = ctx.now()
    return posted.post(ctx, number, matchers, now + start, now + end, "tom", "")


@pytest.mark.parametrize(
    ("stored", "change", "matchers", "in_place"),
    [
        ((HOUR, 2 * HOUR), (60, 2 * HOUR), SAME, True),
        ((HOUR, 2 * HOUR), (HOUR / 2, HOUR), SAME, True),
        ((HOUR, 2 * HOUR), (-60, HOUR), SAME, False),
        ((HOUR, 2 * HOUR), (HOUR, 2 * HOUR), OTHER, False),
        ((0, 2 * HOUR), (0, 3 * HOUR), SAME, True),
        ((0, 2 * HOUR), (0.4, 2 * HOUR), SAME, True),
        ((0, 2 * HOUR), (-60, 2 * HOUR), SAME, False),
    ],
)
def test_a_change_that_rewrites_no_past_keeps_the_silence(
    sqlite_ctx: Context,
    stored: tuple[float, float],
    change: tuple[float, float],
    matchers: tuple[Matcher, ...],
    in_place: bool,
) -> None:
    number = post(sqlite_ctx, None, *stored)
    again = post(sqlite_ctx, number, *change, matchers)
    assert (again == number) == in_place
    old = posted.get(sqlite_ctx, number)["status"]["state"]
    assert (old == "expired") == (not in_place)


def test_a_silence_that_has_ended_comes_back_as_another(ctx: Context, clock: Clock) -> None:
    number = post(ctx, None, 0, 60)
    clock.move(61)
    again = post(ctx, number, -61, 600)
    assert again != number
    assert posted.get(ctx, again)["startsAt"] == "2026-01-01T00:01:01.000Z"  # It did not hold in the past.
    assert posted.get(ctx, number)["endsAt"] == "2026-01-01T00:01:00.000Z"


def test_a_silence_is_not_for_ever(sqlite_ctx: Context) -> None:
    with pytest.raises(BadInput, match="366 days"):
        post(sqlite_ctx, None, 0, 400 * 86400)
