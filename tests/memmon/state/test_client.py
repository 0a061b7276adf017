import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memmon.errors import Transient
from memmon.state import client


def test_a_redis_that_answers_passes(valkey: str) -> None:
    client.probe(valkey)


def test_a_redis_that_hangs_is_away_within_the_time_given(short_dir: Path) -> None:
    path = short_dir / "hung.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        began = time.monotonic()
        with pytest.raises(Transient, match="redis"):
            client.probe(f"unix://{path}", seconds=0.3)
        assert time.monotonic() - began < 1.5


def test_no_redis_at_all_is_away() -> None:
    with pytest.raises(Transient, match="redis"):
        client.probe("unix:///tmp/no-redis-is-here.sock")


def test_more_callers_than_connections_wait_for_one(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_CONNECTIONS", 2)
    asked = client.connect(valkey)

    def blocked(index: int) -> object:
        return asked.blpop(f"nothing-{index}", timeout=0.1)

    with ThreadPoolExecutor(8) as callers:
        assert list(callers.map(blocked, range(8))) == [None] * 8
    asked.close()
