"""MemMimic's database, read-only."""

from __future__ import annotations

from pathlib import Path

from memmon import memmimic
from memmon.collect.base import Collected, SampleSheet
from memmon.errors import Permanent, Transient

UP = ("memmimic_db_up", "Whether the database could be read (1) or not (0)")


def collect(path: Path, seconds: float) -> Collected:
    """Return counts, sizes and latency of the database at `path`, or the reason why it cannot be
    read.
    """
    sheet = SampleSheet()
    try:
        facts = memmimic.look(path, seconds)
        free = memmimic.write_lock_is_free(path)
    except (Permanent, Transient) as error:
        sheet.add(*UP, 0)
        return sheet.done(str(error))
    sheet.add(*UP, 1)
    sheet.add("memmimic_db_size_bytes", "Size of MemMimic's database file, in bytes", facts.size)
    sheet.add("memmimic_db_wal_size_bytes", "Size of the database's write-ahead log, in bytes", facts.wal_size)
    sheet.add("memmimic_db_read_seconds", "Time of memmon's own read of the database, in seconds", facts.read_seconds)
    for table, count in facts.counts.items():
        if count is not None:
            sheet.add("memmimic_memories", "Memories in the database, by table", count, table=table)
    sheet.add("memmimic_db_write_lock_free", "Whether the write lock was free (1) or not (0)", free)
    return sheet.done()
