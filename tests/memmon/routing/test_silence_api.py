import math
from typing import Any

import pytest

from memmon import encode
from memmon import labels as label_sets
from memmon.context import Context
from memmon.errors import BadInput
from memmon.promql.matcher import Matcher
from memmon.routing import matcher, mute, silence_api
from memmon.routing.tables import SilenceRow
from tests.conftest import Clock
from tests.memmon.routing.tables import shared, table

HOUR = 3600.0
SAME = (Matcher("a", "=", "b"),)
OTHER = (Matcher("a", "=", "c"),)


def post(ctx: Context, index: str | None, start: float, end: float, matchers: tuple[Matcher, ...] = SAME) -> str:
    now = ctx.now()
    return silence_api.post(ctx, index, matchers, now + start, now + end, "tom", "")


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
    index = post(sqlite_ctx, None, *stored)
    again = post(sqlite_ctx, index, *change, matchers)
    assert (again == index) == in_place
    old = silence_api.get(sqlite_ctx, index)["status"]["state"]
    assert (old == "expired") == (not in_place)


def test_a_silence_that_has_ended_comes_back_as_another(ctx: Context, clock: Clock) -> None:
    index = post(ctx, None, 0, 60)
    clock.move(61)
    again = post(ctx, index, -61, 600)
    assert again != index
    # It did not hold in the past.
    assert silence_api.get(ctx, again)["startsAt"] == "2026-01-01T00:01:01.000Z"
    assert silence_api.get(ctx, index)["endsAt"] == "2026-01-01T00:01:00.000Z"


def test_a_silence_is_not_for_ever(sqlite_ctx: Context) -> None:
    with pytest.raises(BadInput, match="366 days"):
        post(sqlite_ctx, None, 0, 400 * 86400)


def matchers_of(subset: list[dict[str, str]]) -> tuple[Matcher, ...]:
    return tuple(Matcher(entry["name"], entry["op"], entry["value"]) for entry in subset)


@pytest.mark.parametrize("row", table("silences", "validity"))
def test_alertmanager_takes_the_same_silences(row: dict[str, Any]) -> None:
    end = row["end"]
    try:
        problem = silence_api.problem(
            [matcher.checked(*entry) for entry in matchers_of(row["matchers"])],
            row["start"],
            -math.inf if end is None else end,
        )
    except BadInput as error:
        problem = error
    assert (problem is not None) == (row["error"] is not None)


@pytest.mark.parametrize("row", table("silences", "update"))
def test_alertmanager_changes_the_same_silences_in_place(row: dict[str, Any]) -> None:
    stored = SilenceRow(matchers=[1], starts_at=row["stored"]["start"], ends_at=row["stored"]["end"])
    values = {"matchers": [1] if row["same_matchers"] else [2]}
    values |= {"starts_at": row["posted"]["start"], "ends_at": row["posted"]["end"]}
    assert silence_api.can_update(stored, values, 0.0) == row["in_place"]


@pytest.mark.parametrize("row", table("silences", "matching"))
def test_alertmanager_silences_the_same(row: dict[str, Any]) -> None:
    existing = [mute.Silence(str(n), matchers_of(entry), -1, 1) for n, entry in enumerate(row["matcher_sets"])]
    assert bool(mute.silenced_by(existing, label_sets.of(row["labels"]), 0)) == row["silenced"]


def test_alertmanager_goes_through_the_same_sequence(sqlite_ctx: Context, clock: Clock) -> None:
    steps = shared("silences", "sequence")
    if not steps:
        pytest.skip("the tables are not there")
    zero, ids = clock.now, dict[str, str]()
    for step in steps.values():
        clock.now = zero + step["at"]
        arguments, expected = step["set"], step["expect"]
        before = ids.get(arguments.get("id_of", ""))
        if "error" in expected:
            assert arguments["end"] is None  # The door refuses it, and nothing is changed.
            assert before is not None
            assert silence_api.get(sqlite_ctx, before)["status"]["state"] == expected["old_state"]
            continue
        start = clock.now if arguments["start"] is None else zero + arguments["start"]
        comment = arguments.get("comment", "")
        index = silence_api.post(
            sqlite_ctx, before, matchers_of(arguments["matchers"]), start, zero + arguments["end"], "t", comment
        )
        assert (index == before) == (expected["id"] == "same")
        ids[arguments.get("name", arguments.get("id_of", ""))] = index
        response = silence_api.get(sqlite_ctx, index)
        for name, key in (("startsAt", "start"), ("endsAt", "end")):
            if key in expected:
                assert encode.seconds_of(response[name]) == pytest.approx(zero + expected[key], abs=0.01)
        assert response["comment"] == expected.get("comment", comment)
        if "old_end" in expected and before:
            assert encode.seconds_of(silence_api.get(sqlite_ctx, before)["endsAt"]) == zero + expected["old_end"]
