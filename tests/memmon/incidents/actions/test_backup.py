from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.actions import backup
from tests.memmon.incidents.actions.conftest import Make


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    return sqlite_ctx


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "memmimic.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE memories (id INTEGER PRIMARY KEY, content TEXT)")
        connection.executemany("INSERT INTO memories (content) VALUES (?)", [(f"memory {n}",) for n in range(5000)])
    return path


@pytest.fixture
def ready(configure: Callable[..., Context], database: Path) -> Context:
    return configure(targets=f"targets: [{{name: demo, instance: 'demo:1', database: {database}}}]")


def test_the_copy_is_sound_whole_and_private(ready: Context, database: Path, call: Make) -> None:
    before = database.read_bytes()
    writer = sqlite3.connect(database)
    writer.execute("BEGIN")
    # Who writes meanwhile is not held up.
    writer.execute("INSERT INTO memories (content) VALUES ('not committed')")
    jobs = backup.act(ready, call())
    writer.close()
    [path] = (ready.settings.home / "backups" / "demo").iterdir()
    assert jobs.startswith(f"kept backups/demo/{path.name}, {path.stat().st_size} bytes, sound")
    assert jobs.endswith(hashlib.sha256(path.read_bytes()).hexdigest())
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as copy:
        assert copy.execute("SELECT count(*) FROM memories").fetchone() == (5000,)
    assert database.read_bytes() == before


def test_one_that_was_made_before_its_worker_died_is_not_made_again(ready: Context, call: Make) -> None:
    assert backup.probe(ready, call()) is None
    backup.act(ready, call())
    assert "kept backups/demo/" in str(backup.probe(ready, call()))


def test_a_file_that_is_no_database_is_said(configure: Callable[..., Context], tmp_path: Path, call: Make) -> None:
    (tmp_path / "odd.db").write_text("hello")
    ready = configure(targets=f"targets: [{{name: demo, instance: 'demo:1', database: {tmp_path / 'odd.db'}}}]")
    with pytest.raises(Permanent, match="not a database"):
        backup.act(ready, call())
    ready = configure(targets="targets: [{name: demo, instance: 'demo:1', metrics: 'http://127.0.0.1:1/metrics'}]")
    with pytest.raises(Permanent, match="has no database"):
        backup.act(ready, call())


def test_a_disk_that_would_be_full_is_left_alone(ready: Context, call: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(Permanent, match="twice as much"):
        backup.act(ready, call())
