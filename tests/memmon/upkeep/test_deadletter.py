from __future__ import annotations

from memmon.context import Context
from memmon.state import counters
from memmon.upkeep import deadletter
from tests.conftest import Clock


def given_up(ctx: Context, task_id: str, error: str = "no", args: tuple[int, ...] = (1,)) -> None:
    deadletter.record(ctx, task_id, "workers.notify.deliver", args, error, attempts=6)


def counted(ctx: Context) -> float:
    results = [s.value for s in counters.read(ctx.redis) if dict(s.labels)["__name__"] == "memmon_dead_letters_total"]
    return sum(results)


def test_a_task_is_given_up_once_however_often_that_is_recorded(ctx: Context) -> None:
    given_up(ctx, "a")
    given_up(ctx, "a")
    (letter,) = deadletter.recent(ctx)
    assert letter["attempts"] == 6
    assert letter["args"] == [1]
    assert counted(ctx) == 1


def test_what_fails_again_and_again_in_the_same_way_is_one_letter_an_hour(ctx: Context, clock: Clock) -> None:
    for n in range(5):
        given_up(ctx, f"tick-{n}")
        clock.move(10)
    assert [letter["attempts"] for letter in deadletter.recent(ctx)] == [30]
    assert counted(ctx) == 5
    clock.move(3600)
    given_up(ctx, "tick-later")
    assert deadletter.count(ctx) == 2


def test_another_reason_or_other_arguments_are_another_letter(ctx: Context) -> None:
    given_up(ctx, "a")
    given_up(ctx, "b", error="other")
    given_up(ctx, "c", args=(2,))
    assert deadletter.count(ctx) == 3


def test_deliveries_of_a_task_are_counted_each_for_itself(ctx: Context) -> None:
    assert [deadletter.redelivered(ctx, "a"), deadletter.redelivered(ctx, "a")] == [1, 2]
    assert deadletter.redelivered(ctx, "b") == 1
