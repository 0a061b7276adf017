"""Fleets, and the servers that they call."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.workers.fleet import Fleet
from tests.workers.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server whose answers a test holds back."""
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def make_fleet(sqlite_template: Path) -> Iterator[Callable[..., Fleet]]:
    """Make fleets with a Valkey that runs, on a fresh SQLite or on `database_url`."""
    fleets: list[Fleet] = []

    def make(database_url: str | None = None, **config: str) -> Fleet:
        folder = Path(tempfile.mkdtemp(prefix="mmf"))
        if database_url is None:
            shutil.copy(sqlite_template, folder / "memmon.db")
            database_url = f"sqlite:///{folder / 'memmon.db'}"
        fleet = Fleet(folder, database_url, config)
        fleets.append(fleet)
        fleet.start_valkey()
        return fleet

    yield make
    for fleet in fleets:
        fleet.close()
        sys.stdout.write(fleet.log())  # Shown where the test failed.
        shutil.rmtree(fleet.folder, ignore_errors=True)
