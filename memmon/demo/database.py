"""The demo's SQLite store: MemMimic's table, WAL, and a small pool of connections."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memmon import client

SIZE = 8
PATIENCE = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS memories_enhanced (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    content TEXT NOT NULL,
    type TEXT NOT NULL,
    confidence REAL DEFAULT 0.8,
    created_at TEXT NOT NULL,
    access_count INTEGER DEFAULT 0,
    last_access_time TEXT,
    importance_score REAL DEFAULT 0.0,
    archive_status TEXT DEFAULT 'active',
    cxd_function TEXT,
    cxd_confidence REAL DEFAULT 0.0
)
"""


class Busy(Exception):
    """No connection became free in time."""


class Database:
    """Runs queries on one of `size` connections, SIZE at first. `hold` is the SQL function that
    queries call once each.
    """

    def __init__(self, path: Path, hold: Callable[[], int]):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._free: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._path, self._hold = path, hold
        self.size = 0
        self._surplus = 0
        self.resize(SIZE)
        # A file that is no database shows itself now.
        self.read("SELECT count(*) FROM sqlite_master", ())
        self.write(SCHEMA, ())

    @property
    def active(self) -> int:
        """How many connections are in use."""
        return self.size - self._free.qsize()

    def resize(self, size: int) -> None:
        """Have `size` connections; one that is in use too many is closed when it comes back."""
        while self.size < size:
            self._free.put(_connect(self._path, self._hold))
            self.size += 1
        while self.size > size:
            self.size -= 1
            try:
                self._free.get_nowait().close()
            except queue.Empty:
                self._surplus += 1

    def read(self, statement: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._connection() as connection, client.query_timer():
            return connection.execute(statement, values).fetchall()

    def write(self, statement: str, values: Sequence[Any]) -> int:
        """Change something and commit it; return the id of the last row put in."""
        with self._connection() as connection, client.query_timer():
            return connection.execute(statement, values).lastrowid or 0

    def close(self) -> None:
        """Close every connection that is free; the last one tidies the write-ahead log away."""
        while not self._free.empty():
            self._free.get_nowait().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._free.get(timeout=PATIENCE)
        except queue.Empty:
            raise Busy(f"all {self.size} connections are in use") from None
        try:
            yield connection
        finally:
            if self._surplus > 0:
                self._surplus -= 1
                connection.close()
            else:
                self._free.put(connection)


def _connect(path: Path, hold: Callable[[], int]) -> sqlite3.Connection:
    # Autocommit: every statement of the demo is a transaction of its own.
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.create_function("hold", 0, hold)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
