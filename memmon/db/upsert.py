"""Inserts that may come twice, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

CHUNK = 500
"""Rows in one statement: SQLite takes 32 766 parameters."""


def insert_new(session: Session, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows whose keys are not there yet; return how many that were."""
    inserted = 0
    for start in range(0, len(rows), CHUNK):
        statement = _insert(session, model).values(_values(rows[start : start + CHUNK])).on_conflict_do_nothing()
        # SQLAlchemy counts the rows of an INSERT only when it is asked to.
        inserted += session.execute(statement, execution_options={"preserve_rowcount": True}).rowcount  # type: ignore[attr-defined]
    return inserted


def insert_many(session: Session, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose keys are not there yet, without counting: one prepared statement for
    all, which is many times faster than a long one that must be built.
    """
    if rows:
        session.execute(_insert(session, model).on_conflict_do_nothing(), list(rows))


def replace(session: Session, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]], key: Sequence[str]) -> None:
    """Insert `rows`; where `key` is there already, put the new values in its place."""
    for start in range(0, len(rows), CHUNK):
        statement = _insert(session, model).values(_values(rows[start : start + CHUNK]))
        changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
        session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed))


def _insert(session: Session, model: type[DeclarativeBase]) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    table = model.__table__
    assert isinstance(table, Table)
    return dialect.insert(table)


def _values(rows: Sequence[dict[str, Any]]) -> Any:
    """Return the insert statement's values. SQLAlchemy caches the statement of one row and compiles
    one of several rows each time.
    """
    return rows[0] if len(rows) == 1 else rows
