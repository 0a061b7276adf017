"""The one module that knows MemMimic's storage: an SQLite file, only ever read.

Whether the write lock can be had is asked of the kernel (F_GETLK on SQLite's lock bytes), not tried: a connection that could take
it would checkpoint the write-ahead log when it closes, and so change the file.
Sources: SQLite's `wal.c` (WAL_WRITE_LOCK is byte 120 of the -shm file) and `os.h` (RESERVED_BYTE is PENDING_BYTE + 1).
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

# POSIX locks belong to the process: closing the file of the lock question would drop those of a reader beside it.
_one_at_a_time = threading.Lock()


class Facts(NamedTuple):
    """What a look at the database found. Times in seconds, sizes in bytes; None where the file has no such table."""

    table: str | None
    memories: int | None
    size: int
    wal_size: int
    read_seconds: float
    journal_mode: str


def look(path: Path, seconds: float = 5.0) -> Facts:
    """Return facts about the database at `path`; raise Permanent when it is none, Transient when it cannot be read now."""
    with _one_at_a_time, _reading(path, seconds) as connection:
        began = time.perf_counter()
        table = _table(connection)
        memories = None
        if table:
            memories = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
        read_seconds = time.perf_counter() - began
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    wal = path.with_name(path.name + "-wal")
    return Facts(table, memories, path.stat().st_size, wal.stat().st_size if wal.exists() else 0, read_seconds, mode)


def damage(path: Path, seconds: float = 30.0) -> str | None:
    """Return what `PRAGMA quick_check` complains of first, or None for a sound file."""
    with _one_at_a_time, _reading(path, seconds) as connection:
        answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if answer == "ok" else answer


def write_lock_is_free(path: Path, patience: float = 0.25) -> bool:
    """Tell whether the write lock could be had within `patience` seconds."""
    deadline = time.monotonic() + patience
    while _held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _held(path: Path) -> bool:
    shm = path.with_name(path.name + "-shm")
    with _one_at_a_time:
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
    if not path.is_file():
        raise Permanent(f"{path}: no such file")
    deadline = time.monotonic() + seconds
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=min(1.0, seconds))
        ) as connection:
            connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
            yield connection
    except sqlite3.OperationalError as error:
        reason = f"no answer within {seconds:g} s" if "interrupted" in str(error) else str(error)
        raise Transient(f"{path}: {reason}") from error
    except sqlite3.DatabaseError as error:
        raise Permanent(f"{path}: {error}") from error


def _table(connection: sqlite3.Connection) -> str | None:
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return next((name for name in TABLES if name in found), None)
