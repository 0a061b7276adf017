"""The one module that knows MemMimic's storage: an SQLite file, only ever read.

The kernel is asked whether the write lock is free (F_GETLK on SQLite's lock bytes). Taking the lock
would checkpoint the write-ahead log on close and change the file. For the same reason a WAL
database without a -wal file, which no process has open, is read as `immutable`: any other
connection would create that file. Sources: SQLite's `wal.c` (WAL_WRITE_LOCK is byte 120 of the -shm
file) and `os.h` (RESERVED_BYTE is PENDING_BYTE + 1).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from memmon.errors import Permanent, Transient

TABLES = ("memories_enhanced", "memories")
WAL_WRITE_LOCK = 120
RESERVED_BYTE = 0x40000001
_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, len, pid.

# POSIX locks belong to the process: closing the file of the lock question would drop those of a
# reader beside it.
_one_at_a_time = threading.Lock()


HEADER = b"SQLite format 3\0"
WAL_FORMAT = 2  # Byte 18 of the header ("The Database File Format", 1.3.2).


class Facts(NamedTuple):
    """What a look at the database found. Times in seconds, sizes in bytes.

    `counts` holds every existing table of memories; a count stays None if reading the whole table
    timed out.
    """

    counts: dict[str, int | None]
    size: int
    wal_size: int
    read_seconds: float
    journal_mode: str

    @property
    def memories(self) -> int | None:
        """The count of the table with the most memories: MemMimic moves from one to the other. None
        when not known.
        """
        return max((count for count in self.counts.values() if count is not None), default=None)


def look(path: Path, seconds: float = 5.0) -> Facts:
    """Return facts about the database at `path`; raise Permanent when it is not one, Transient when
    it cannot be read now.
    """
    with _one_at_a_time, _reading(path, seconds) as connection:
        began = time.perf_counter()
        tables = _tables(connection)
        for table in tables:
            connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        read_seconds = time.perf_counter() - began
        mode = "wal" if _is_wal(path) else str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        counts = {table: _count(connection, table) for table in tables}
        wal = _beside(path, "-wal")
        return Facts(counts, path.stat().st_size, wal.stat().st_size if wal.exists() else 0, read_seconds, mode)


def recall(path: Path, seconds: float = 5.0) -> bool | None:
    """Read one memory; return whether there was one, None where no table holds memories. Raises
    like `look`.
    """
    with _one_at_a_time, _reading(path, seconds) as connection:
        tables = _tables(connection)
        row = any(connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone() for table in tables)
        return row if tables else None


def damage(path: Path, seconds: float = 30.0) -> str | None:
    """Return what `PRAGMA quick_check` complains of first, or None for a sound file."""
    with _one_at_a_time, _reading(path, seconds) as connection:
        answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if answer == "ok" else answer


def copy(path: Path, to: Path, seconds: float = 30.0) -> None:
    """Copy the database to the file `to`, as it is at one moment, and look whether the copy is
    sound. Raises like `look`.
    """
    with _reading(path, seconds) as connection, closing(sqlite3.connect(to)) as copy:
        deadline = time.monotonic() + seconds

        def in_time(_status: int, _left: int, _total: int) -> None:
            if time.monotonic() > deadline:
                raise Transient(f"{path}: the copy was not done within {seconds:g} s")

        connection.backup(copy, pages=1000, progress=in_time, sleep=0.01)
        copy.execute("PRAGMA journal_mode = DELETE")  # One file, and not a log beside it.
        answer = str(copy.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if answer != "ok":
        raise Permanent(f"{path}: the copy is damaged: {answer}")


def write_lock_is_free(path: Path, patience: float = 0.25) -> bool:
    """Return True if the write lock is free within `patience` seconds."""
    deadline = time.monotonic() + patience
    while _held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _held(path: Path) -> bool:
    shm = _beside(path, "-shm")
    with _one_at_a_time, _edge(path, 0):
        if shm.exists() and _locked(shm, WAL_WRITE_LOCK):
            return True
        return _locked(path, RESERVED_BYTE)


def _locked(path: Path, byte: int) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        answer = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
        return bool(answer[0] != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)


@contextmanager
def _reading(path: Path, seconds: float) -> Iterator[sqlite3.Connection]:
    deadline = time.monotonic() + seconds
    with _edge(path, seconds):
        idle = _is_wal(path) and not _beside(path, "-wal").exists()
        address = f"file:{quote(str(path.absolute()))}?mode=ro" + ("&immutable=1" if idle else "")
        with closing(sqlite3.connect(address, uri=True, timeout=min(1.0, seconds))) as connection:
            connection.text_factory = lambda raw: raw.decode(
                errors="replace"
            )  # A memory's bytes are not ours to judge.
            connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
            yield connection


def _is_wal(path: Path) -> bool:
    """Tell whether the file is in WAL mode; raise Permanent when it is no database (SQLite takes an
    empty file for one).
    """
    if not path.is_file():
        raise Permanent(f"{path}: no such file")
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(HEADER):
        raise Permanent(f"{path}: file is not a database" + ("" if header else ", it is empty"))
    return len(header) > 18 and header[18] == WAL_FORMAT


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _tables(connection: sqlite3.Connection) -> list[str]:
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    return [name for name in TABLES if name in names]


def _count(connection: sqlite3.Connection, table: str) -> int | None:
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname == "SQLITE_INTERRUPT":
            return None
        raise


@contextmanager
def _edge(path: Path, seconds: float) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Transient(f"{path}: {_reason(error, seconds)}") from error
    except sqlite3.DatabaseError as error:
        raise Permanent(f"{path}: {error}") from error
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror or error}") from error


def _reason(error: sqlite3.OperationalError, seconds: float) -> str:
    if error.sqlite_errorname == "SQLITE_INTERRUPT":
        return f"no answer within {seconds:g} s"
    if error.sqlite_errorname.startswith("SQLITE_READONLY"):
        return "a writer crashed and left a journal that only MemMimic's next start can roll back"
    return str(error)
