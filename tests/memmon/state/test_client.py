import socket
import time
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
