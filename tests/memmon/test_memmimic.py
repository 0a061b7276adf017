import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memmon import memmimic
from memmon.errors import Permanent, Transient


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
    assert (facts.counts, facts.memories, facts.journal_mode) == ({"memories": 3}, 3, "wal")
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


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_that_nobody_has_open_is_read_without_a_trace(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE memories_enhanced (id)")
    before = path.read_bytes()
    assert memmimic.look(path).counts == {"memories_enhanced": 0}
    assert memmimic.damage(path) is None
    assert memmimic.write_lock_is_free(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.db"]
    assert path.read_bytes() == before


def test_the_log_that_a_crash_left_is_read_and_not_moved_into_the_database(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "crashed"
    copy.mkdir()
    for suffix in ("", "-wal"):
        (copy / f"x.db{suffix}").write_bytes(database.with_name(database.name + suffix).read_bytes())
    before = (copy / "x.db").read_bytes()
    assert memmimic.look(copy / "x.db").memories == 3
    assert memmimic.write_lock_is_free(copy / "x.db")
    assert (copy / "x.db").read_bytes() == before
    assert (copy / "x.db-wal").stat().st_size > 0


def test_an_empty_file_a_folder_and_a_damaged_file_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(Permanent, match="empty"):
        memmimic.look(tmp_path / "empty.db")
    with pytest.raises(Permanent, match="no such file"):
        memmimic.look(tmp_path)
    (tmp_path / "bad.db").write_bytes(memmimic.HEADER + b"\x10\0\1\1\0\x40\x20\x20" + b"\xff" * 8000)
    with pytest.raises(Permanent):
        memmimic.look(tmp_path / "bad.db")


def test_a_file_locked_for_all_is_not_waited_for_long(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("CREATE TABLE memories (id)")
        owner.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Transient, match="locked"):
            memmimic.look(path, 0.2)


def test_a_table_too_large_to_count_in_time_is_uncounted_and_its_check_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as owner:
        endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
        owner.execute(f"CREATE VIEW memories AS {endless}")
        owner.commit()
    facts = memmimic.look(path, 0.3)
    assert facts.counts == {"memories": None}
    assert facts.memories is None
