from memmon.alerts.tables import AlertRow
from memmon.context import Context
from memmon.db import upsert
from memmon.upkeep.tables import Redelivery


def test_an_insert_says_how_many_rows_are_new(ctx: Context) -> None:
    rows = [{"task_id": name, "count": 1, "at": 0.0} for name in "ab"]
    with ctx.write() as session:
        assert upsert.insert_new(session, Redelivery, rows) == 2
        assert upsert.insert_new(session, Redelivery, [*rows, {"task_id": "c", "count": 1, "at": 0.0}]) == 1
        assert upsert.insert_new(session, Redelivery, rows) == 0


def test_it_does_so_for_rows_that_the_database_numbers(ctx: Context) -> None:
    alert = {
        "active": "one",
        "version": 1,
        "source": "rule",
        "rule": "r",
        "fingerprint": "f",
        "labels": {},
        "annotations": {},
        "severity": "info",
        "state": "firing",
        "pending_at": 0.0,
        "evaluated_at": 0.0,
    }
    with ctx.write() as session:
        assert upsert.insert_new(session, AlertRow, [alert]) == 1
        assert upsert.insert_new(session, AlertRow, [alert]) == 0


def test_replacing_puts_the_new_values_in_the_place_of_the_old(ctx: Context) -> None:
    with ctx.write() as session:
        upsert.replace(session, Redelivery, [{"task_id": "a", "count": 1, "at": 0.0}], ("task_id",))
        upsert.replace(session, Redelivery, [{"task_id": "a", "count": 5, "at": 9.0}], ("task_id",))
    with ctx.read() as session:
        row = session.get(Redelivery, "a")
        assert row is not None
        assert (row.count, row.at) == (5, 9.0)
