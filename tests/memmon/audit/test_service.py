"""The record's rows: signed as they are written, verified, forgotten from the oldest on."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from memmon import secret
from memmon.audit import service as audit
from memmon.audit import signing
from memmon.audit.tables import IncidentEntry
from memmon.context import Context
from memmon.db import engine
from memmon.incidents import opening, service, store
from memmon.incidents.tables import IncidentRow
from tests.conftest import Clock
from tests.support import at_once


def write(ctx: Context, *texts: str, incident: int | None = None) -> None:
    with ctx.write() as session:
        for text in texts:
            audit.note(
                session, incident, ctx.now(), "note", "dana", text, value=float("nan"), odd="\x00", more=[1, 2.5]
            )


def problems(ctx: Context, whole: bool = True) -> list[tuple[int, str]]:
    return [(entry["seq"], entry["what"]) for entry in audit.verify(ctx, whole)["problems"]]


def do(ctx: Context, statement: str) -> None:
    with ctx.write() as session:
        session.execute(text(statement))


def test_what_was_written_is_whole(ctx: Context) -> None:
    assert audit.verify(ctx) == {"lines": 0, "since": 0, "end": 0, "problems": []}
    write(ctx, "one", "two \ud800 \x00")
    write(ctx, "three")
    assert audit.verify(ctx) == {"lines": 3, "since": 0, "end": 3, "problems": []}
    write(ctx, "four")
    assert audit.verify(ctx, whole=False) == {"lines": 1, "since": 3, "end": 4, "problems": []}


def test_a_transaction_that_fails_writes_nothing(ctx: Context) -> None:
    with pytest.raises(RuntimeError), ctx.write() as session:
        audit.note(session, None, ctx.now(), "note", "dana", "one")
        raise RuntimeError
    write(ctx, "two")
    assert audit.verify(ctx)["lines"] == 1


@pytest.mark.parametrize(
    ("statement", "actual"),
    [
        ("UPDATE incident_entry SET text = 'x' WHERE seq = 2", [(2, "was changed")]),
        ("UPDATE incident_entry SET at = at + 1 WHERE seq = 3", [(3, "was changed")]),
        ("DELETE FROM incident_entry WHERE seq = 2", [(2, "is missing")]),
        ("DELETE FROM incident_entry WHERE seq IN (2, 3)", [(2, "and all up to line 3 are missing")]),
        ("DELETE FROM incident_entry WHERE seq = 4", [(4, "is missing")]),
        ("DELETE FROM incident_entry WHERE seq = 1", [(1, "is missing")]),
        (
            "UPDATE incident_entry_mark SET seq = 3 WHERE name = 'end'",
            [(3, "the mark end was changed"), (4, "is not the line that was written last")],
        ),
        ("DELETE FROM incident_entry_mark", [(1, "the mark of the record's end is missing")]),
    ],
)
def test_what_was_changed_or_is_missing_is_named(ctx: Context, statement: str, actual: list[tuple[int, str]]) -> None:
    write(ctx, "one", "two", "three", "four")
    do(ctx, statement)
    assert problems(ctx) == actual


def test_an_end_that_is_cut_off_with_its_mark_is_seen_once_it_was_verified(ctx: Context) -> None:
    write(ctx, "one", "two")
    with ctx.read() as session:
        before = session.execute(
            text("SELECT seq, hash, signature, signed_by FROM incident_entry_mark WHERE name = 'end'")
        ).one()
    write(ctx, "three")
    assert problems(ctx) == []
    do(ctx, "DELETE FROM incident_entry WHERE seq = 3")
    do(
        ctx,
        f"UPDATE incident_entry_mark SET seq = {before[0]}, hash = '{before[1]}', signature = '{before[2]}' WHERE name = 'end'",
    )
    assert (3, "is missing, and was there when the record was verified last") in problems(ctx)


def test_another_key_is_said_and_not_taken_for_a_change(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    write(ctx, "one")
    monkeypatch.setattr(secret, "key", lambda *_: b"another")
    assert all("another key" in case for _, case in problems(ctx))


def test_many_writers_at_once_make_one_chain(ctx: Context) -> None:
    def subset(n: int) -> None:
        for i in range(5):
            engine.insist(lambda text=f"{n} {i}": write(ctx, text))  # type: ignore[misc] - SQLite has one writer.

    at_once(*(partial(subset, n) for n in range(6)))
    assert audit.verify(ctx) == {"lines": 30, "since": 0, "end": 30, "problems": []}


def test_the_oldest_lines_are_forgotten_up_to_those_of_what_is_kept(ctx: Context, clock: Clock) -> None:
    write(ctx, "old", "older")
    values: dict[str, Any] = opening.values(ctx, ctx.config.playbooks.playbooks[0], "k", {}, ctx.now())
    with ctx.write() as session:
        session.add(IncidentRow(**values))
        session.flush()
    write(ctx, "of an incident", incident=1)
    clock.move(100)
    assert audit.forget(ctx, ctx.now(), store.ids()) == 2
    assert audit.verify(ctx) == {"lines": 1, "since": 2, "end": 3, "problems": []}
    do(ctx, "DELETE FROM incident")
    assert audit.forget(ctx, ctx.now(), store.ids()) == 1
    write(ctx, "new")
    assert audit.verify(ctx) == {"lines": 1, "since": 3, "end": 4, "problems": []}


def test_lines_outlive_their_incident_and_go_on_proving_the_record(ctx: Context, clock: Clock) -> None:
    index, _ = service.begin(ctx, "security_breach", {"source_ip": "203.0.113.9"}, "dana", dry_run=True)
    do(ctx, "DELETE FROM incident")
    assert problems(ctx) == []
    with ctx.read() as session:
        assert [entry.kind for entry in audit.entries(session, index)] == ["opened"]


def test_a_key_is_told_from_others_by_a_mark_that_does_not_tell_it(ctx: Context) -> None:
    write(ctx, "one")
    key = audit.key(ctx.settings)
    with ctx.read() as session:
        line = session.get(IncidentEntry, 1)
        assert line is not None
        assert line.signed_by == signing.name_of(key)
        assert key.hex() not in line.signed_by


def test_what_is_wrong_can_be_accepted_and_is_still_named_by_a_look_at_all(ctx: Context) -> None:
    write(ctx, "one", "two", "three")
    do(ctx, "UPDATE incident_entry SET text = 'x' WHERE seq = 2")
    assert audit.accept(ctx, "dana", "restored a backup")["problems"][0]["seq"] == 2
    write(ctx, "four")
    assert audit.verify(ctx, whole=False)["problems"] == []
    assert problems(ctx) == [(2, "was changed")]
    with ctx.read() as session:
        line = session.get(IncidentEntry, 4)
        assert line is not None
        assert line.text == "accepted 1 problems, the first at line 2: was changed; restored a backup"


def test_a_key_that_was_lost_is_accepted_too(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    write(ctx, "one")
    with monkeypatch.context() as patch:
        patch.setattr(secret, "key", lambda *_: b"another")
        audit.accept(ctx, "dana", "a new host")
        write(ctx, "two")
        assert audit.verify(ctx, whole=False)["problems"] == []
