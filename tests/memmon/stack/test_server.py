import asyncio
import threading
from pathlib import Path

import pytest

from memmon.stack.server import MonitoringServer


def expose_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "memmon-expose"]


def test_a_start_that_fails_halfway_leaves_nothing_behind(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMMON_HOME", str(short_dir))
    monkeypatch.setenv("MEMMON_LOCK_FILE", str(short_dir / "lock"))
    (short_dir / "run" / "up.out").mkdir(parents=True)  # Its output cannot be written anywhere.
    before = expose_threads()
    with pytest.raises(IsADirectoryError):
        asyncio.run(MonitoringServer(object()).start())
    assert expose_threads() == before
