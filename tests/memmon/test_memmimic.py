import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memmon import memmimic
from memmon.errors import Permanent


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """A database like MemMimic's, held open by its owner."""
    path = tmp_path / "mem mimic?.db"
    with closing(sqlite3.connect(path)) as owner:
        owner.execute("PRAGMA journal_mode = WAL")
        owner.execute("CREATE TABLE memories (id TEXT PRIMARY KEY, content TEXT)")
        owner.executemany("INSERT INTO memories VALUES (?, ?)", [(str(n), "tea") for n in range(3)])
        owner.commit()
        yield path


def test_a_look_counts_the_memories_and_changes_nothing(database: Path) -> None:
    before = database.read_bytes()
    facts = memmimic.look(database)
    assert (facts.table, facts.memories, facts.journal_mode) == ("memories", 3, "wal")
    assert facts.size == len(before)
    assert memmimic.damage(database) is None
    assert memmimic.write_lock_is_free(database)
    assert database.read_bytes() == before


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no such file"):
        memmimic.look(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is not a database at all, just some text that is long enough" * 100)
    with pytest.raises(Permanent, match="not a database"):
        memmimic.look(path)


def test_a_database_without_memories_has_none(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE other (id)")
    assert memmimic.look(tmp_path / "x.db").memories is None


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_writer_of_another_process_holds_the_lock(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "x.db"
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        f"c.execute('PRAGMA journal_mode = {mode}'); c.execute('CREATE TABLE memories (id)');"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.readline(); c.execute('ROLLBACK');"
        "print('free', flush=True); sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    assert not memmimic.write_lock_is_free(path, patience=0.05)
    waiting = threading.Timer(0.1, lambda: (holder.stdin.write("\n"), holder.stdin.flush()))  # type: ignore[union-attr]
    waiting.start()
    assert memmimic.write_lock_is_free(path, patience=5)
    holder.communicate("\n", timeout=10)
