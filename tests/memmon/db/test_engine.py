import pytest
from sqlalchemy import text

from memmon.context import Context
from memmon.db import engine
from memmon.errors import Transient
from memmon.upkeep.tables import Redelivery
from tests.support import at_once


def test_two_writers_take_turns(ctx: Context) -> None:
    with ctx.write() as session:
        session.add(Redelivery(task_id="a", count=0, at=0))

    def add() -> None:
        for _ in range(20):
            with ctx.write() as session:
                session.execute(text("UPDATE redelivery SET count = count + 1 WHERE task_id = 'a'"))

    at_once(*[add] * 4)
    with ctx.read() as session:
        assert session.get(Redelivery, "a").count == 80  # type: ignore[union-attr]


def test_a_failed_write_leaves_nothing(ctx: Context) -> None:
    with pytest.raises(KeyError), ctx.write() as session:
        session.add(Redelivery(task_id="a", count=0, at=0))
        session.flush()
        raise KeyError
    with ctx.read() as session:
        assert session.get(Redelivery, "a") is None


def test_a_database_that_is_away_is_a_transient_failure() -> None:
    away = engine.create("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Transient, match="database"), engine.reading(away) as session:
        session.execute(text("SELECT 1"))


def test_what_must_be_kept_is_tried_until_the_database_is_back() -> None:
    failures = [Transient("away"), Transient("away")]

    def write() -> str:
        if failures:
            raise failures.pop()
        return "kept"

    assert engine.insist(write, seconds=5) == "kept"


def test_insisting_ends_with_the_failure_when_the_database_stays_away() -> None:
    def write() -> None:
        raise Transient("away")

    with pytest.raises(Transient, match="away"):
        engine.insist(write, seconds=0)
