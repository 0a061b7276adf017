from __future__ import annotations

import pytest

from memmon import labels as label_sets
from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.actions import note, wait
from memmon.incidents.actions.base import NotYet
from memmon.metrics import service as metrics
from memmon.samples import Sample
from tests.conftest import Clock
from tests.memmon.incidents.actions.conftest import Make


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    return sqlite_ctx


def measure(ctx: Context, **values: float) -> None:
    for name, value in values.items():
        sample = Sample(label_sets.of(__name__=name, instance="demo:1", job="memmimic"), value)
        metrics.ingest(ctx, f"{name}-shard", [sample], {}, ctx.now(), 10)


def test_a_note_says_what_is_so_now(ctx: Context, call: Make) -> None:
    measure(ctx, heat=81.5, room=1_048_576_000.0)
    values = {"heat": 'heat{instance="$instance"}', "room": "room", "cold": "cold", "odd": "heat{"}
    jobs = note.act(ctx, call(text="State of $instance", values=values))
    assert jobs.startswith("State of demo:1; heat: 81.5; room: 1,048,576,000; cold: nothing; odd: could not be asked: ")
    with pytest.raises(Permanent, match="neither text nor values"):
        note.act(ctx, call())


def test_of_many_series_ten_are_written_down(ctx: Context, call: Make) -> None:
    samples = [Sample(label_sets.of(__name__="heat", zone=f"z{n:02}"), float(n)) for n in range(14)]
    metrics.ingest(ctx, "many", samples, {}, ctx.now(), 10)
    jobs = note.act(ctx, call(values={"heat": "sort_desc(heat)"}))
    assert jobs.startswith('heat: 13 {zone="z13"}, 12 {zone="z12"}')
    assert jobs.endswith("and 4 more")


def test_a_wait_says_when_it_is_over(ctx: Context, call: Make, clock: Clock) -> None:
    waiting = call(seconds=30)._replace(created_at=clock.now)
    with pytest.raises(NotYet) as later:
        wait.act(ctx, waiting)
    assert later.value.at == clock.now + 30
    clock.move(30)
    assert wait.act(ctx, waiting) == "waited 30 s"


def test_what_is_waited_for_ends_it_sooner_and_what_does_not_come_is_a_failure(
    ctx: Context, call: Make, clock: Clock
) -> None:
    waiting = call(seconds=30, expr='heat{instance="$instance"} > 80')._replace(created_at=clock.now)
    with pytest.raises(NotYet) as later:
        wait.act(ctx, waiting)
    assert later.value.at == clock.now + wait.LOOK_EVERY
    clock.move(12)
    measure(ctx, heat=81)
    assert wait.act(ctx, waiting) == 'heat{instance="demo:1"} > 80 held after 12 s'
    clock.move(20)
    with pytest.raises(Permanent, match="did not hold within 30 s"):
        wait.act(ctx, waiting._replace(parameters={"seconds": 30, "expr": "heat > 100"}))
    with pytest.raises(Permanent, match="heat"):
        wait.act(ctx, waiting._replace(parameters={"expr": "heat{"}))
