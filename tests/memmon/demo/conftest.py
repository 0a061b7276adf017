"""One demo for the tests of this folder; each gets it without faults and restrictions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.memmon.client.serving import Memmon
from tests.memmon.demo.process import TOKEN, DemoProcess


@pytest.fixture(scope="session")
def memmon_server() -> Iterator[Memmon]:
    """Where the demo reports to."""
    receiver = Memmon()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def shared_demo(tmp_path_factory: pytest.TempPathFactory, memmon_server: Memmon) -> Iterator[DemoProcess]:
    """A running demo."""
    running = DemoProcess(tmp_path_factory.mktemp("demo"), memmon_server.url, "the-ingest-key")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def demo(shared_demo: DemoProcess) -> Iterator[DemoProcess]:
    """The running demo, made whole again at the end."""
    yield shared_demo
    for entry in shared_demo.ask("/-/faults", token=TOKEN).json["on"]:
        shared_demo.fault(entry["fault"], 0)
    shared_demo.ask("/-/memmon/restrictions", "PUT", {}, token=TOKEN)
