"""Opens SQLite and PostgreSQL so that both behave alike, and says which failures are worth another
try.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import SQLAlchemyError as DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from memmon.errors import Transient

__all__ = ["DatabaseError", "create", "insist", "reading", "writing"]

T = TypeVar("T")

BUSY_SECONDS = 5
"""How long a writer waits for another one's lock before the failure becomes Transient."""


def create(url: str) -> Engine:
    """Return the engine of `url`; nothing is connected yet."""
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite(url)
    return create_engine(
        url,
        pool_size=4,
        max_overflow=8,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "application_name": "memmimic-monitoring"},
    )


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver would open transactions on its own, too late for us.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another wrote in
        # between.
        writing = connection.get_execution_options().get("memmon_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session for reading; rolled back at the end."""
    with _edge(), Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session that holds the write lock from its first statement and commits at the end."""
    bound = engine.execution_options(memmon_writes=True)
    with _edge(), Session(bound, expire_on_commit=False) as session, session.begin():
        yield session


def insist(write: Callable[[], T], seconds: float = 30.0) -> T:
    """Return what `write` returns, tried again for `seconds` while the database is away: for the
    record of something that was done outside, and would be done twice if it were not kept.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return write()
        except Transient:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@contextmanager
def _edge() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        cause = getattr(error, "orig", None) or error
        raise Transient(f"database: {cause}") from error
