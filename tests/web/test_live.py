"""The live feed over a real gunicorn with gevent, and a Valkey that may be killed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from simple_websocket import Client, ConnectionClosed
from simple_websocket import ConnectionError as NotConnected
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

from memmon.context import Context
from memmon.settings import load
from memmon.state import heartbeat, live
from tests.conftest import valkey_binary
from tests.support import eventually
from tests.web.browser import TOKEN, Site
from tests.web.seed import COMPONENTS

pytestmark = pytest.mark.timeout(60)


class Broker:
    """A Valkey of its own."""

    def __init__(self, folder: Path):
        self.socket = folder / "v.sock"
        self.url = f"unix://{self.socket}?db=0"
        self._words = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([valkey_binary(), *self._words], stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(redis_py.Redis.from_url(self.url).ping())
        except redis_py.RedisError:
            return False

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)


class Page(Client):  # type: ignore[misc]
    """A client that stores its messages."""

    def ask(self, **message: Any) -> None:
        self.send(json.dumps(message))

    def told(self, kind: str, **expected: Any) -> dict[str, Any]:
        """Return the next message of this kind with the expected fields."""
        while True:
            text = self.receive(timeout=15)
            assert text is not None, f"no {kind} with {expected} came"
            message: dict[str, Any] = json.loads(text)
            if message["type"] == kind and all(message.get(name) == value for name, value in expected.items()):
                return message

    def status_until(self, redis: str) -> dict[str, Any]:
        """Return the next status in which Redis is as said."""
        while True:
            actual: dict[str, Any] = self.told("update", stream="status")["data"]
            if actual["redis"]["status"] == redis:
                return actual


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    folder = Path(tempfile.mkdtemp(prefix="mmlive"))
    broker = Broker(folder)
    broker.start()
    yield broker
    broker.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def live_ctx(broker: Broker, sqlite_template: Path) -> Iterator[Context]:
    home = broker.socket.parent / "home"
    (home / "run").mkdir(parents=True)
    shutil.copy(sqlite_template, home / "memmon.db")
    arguments = {"MEMMON_HOME": str(home), "MEMMON_REDIS_URL": broker.url, "MEMMON_INSTANCE": "test"}
    ctx = Context(load({**arguments, "MEMMON_DATABASE_URL": f"sqlite:///{home / 'memmon.db'}"}))
    yield ctx
    ctx.close()


@pytest.fixture(scope="module")
def site(live_ctx: Context) -> Iterator[Site]:
    start = Site(live_ctx).start()
    yield start
    start.stop()


def connect(site: Site, *streams: str, **headers: str) -> Page:
    page = Page.connect(site.url.replace("http", "ws") + "/ws", headers=headers or None)
    if streams:
        page.ask(type="subscribe", streams=list(streams))
        page.told("subscribed")
    return page


def get(site: Site, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{site.url}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_client_is_told_the_status_at_once_and_then_what_it_asked_for(site: Site, live_ctx: Context) -> None:
    page = connect(site)
    page.ask(type="ping")
    assert page.told("pong") == {"type": "pong"}
    page.ask(type="subscribe", streams=["alerts", "status"])
    assert page.told("subscribed")["streams"] == ["status", "alerts"]
    status = page.told("update", stream="status")["data"]
    assert set(status["components"]) == set(COMPONENTS)
    live.publish(live_ctx.redis, "health", {"status": "critical"})
    live.publish(live_ctx.redis, "alerts", {"silence": "x"})
    seen = page.told("update")
    while seen["stream"] == "status":
        seen = page.told("update")
    assert seen == {"type": "update", "stream": "alerts", "data": {"silence": "x"}}
    page.close()


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"type": "fly"}', '{"type": "subscribe", "streams": ["x"]}', '{"type": 1}', "\udcff"]
)
def test_a_wrong_message_is_answered_and_the_connection_goes_on(site: Site, text: str) -> None:
    page = connect(site)
    page.send(text.encode(errors="surrogateescape") if "\udcff" in text else text)
    assert page.told("error")["error"] == "bad_input"
    page.ask(type="ping")
    page.told("pong")
    page.close()


def test_a_message_that_is_too_large_ends_the_connection(site: Site) -> None:
    page = connect(site)
    page.send("x" * 100_000)
    with pytest.raises(ConnectionClosed):
        page.told("pong")


def test_a_page_of_somebody_else_and_a_proxy_are_refused(site: Site) -> None:
    for headers, status in (({"Origin": "https://evil.example"}, 403), ({"X-Forwarded-For": "203.0.113.5"}, 401)):
        with pytest.raises(NotConnected) as refused:
            connect(site, **headers)
        assert refused.value.status_code == status
    # This client sends its Host without the port.
    connect(site, **{"Origin": "http://127.0.0.1"}).close()
    connect(site, **{"X-Forwarded-For": "203.0.113.5", "Authorization": f"Bearer {TOKEN}"}).close()


def test_everybody_is_told(site: Site, live_ctx: Context) -> None:
    pages = [connect(site, "incidents") for _ in range(40)]
    live.publish(live_ctx.redis, "incidents", {"id": 5})
    assert [page.told("update")["data"] for page in pages] == [{"id": 5}] * 40
    for page in pages:
        page.close()


def test_who_does_not_read_holds_nobody_up_and_then_gets_whole_messages_and_the_newest(
    site: Site, live_ctx: Context
) -> None:
    slow = Sleeper(site.port)
    quick = connect(site, "metrics")
    slow.subscribe("metrics")
    large = "x" * 50_000
    for index in range(400):  # 20 MB: more than all buffers between hold.
        live.publish(live_ctx.redis, "metrics", {"number": index, "text": large})
        if index % 20 == 19:
            quick.told("update", data={"number": index, "text": large})
    numbers = slow.read_until(399)
    assert len(numbers) < 399
    assert numbers == sorted(numbers)
    quick.close()
    slow.close()


class Sleeper:
    """A client that reads only on demand."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._socket.sendall(self._protocol.send(Request(host="localhost", target="/ws")))
        self._texts: list[str] = []
        self._part = ""
        self._accepted = False
        while not self._accepted:
            self._read()

    def _read(self) -> None:
        self._protocol.receive_data(self._socket.recv(65536))
        for event in self._protocol.events():  # Raises for an invalid frame.
            if isinstance(event, AcceptConnection):
                self._accepted = True
            elif isinstance(event, TextMessage):
                self._part += event.data
                if event.message_finished:
                    self._texts.append(self._part)
                    self._part = ""

    def subscribe(self, *streams: str) -> None:
        self._socket.sendall(
            self._protocol.send(TextMessage(json.dumps({"type": "subscribe", "streams": list(streams)})))
        )
        while not self._texts:
            self._read()
        self._texts.clear()

    def read_until(self, last: int) -> list[int]:
        """Return the numbers of the messages up to the last one."""
        results: list[int] = []
        while not results or results[-1] != last:
            while not self._texts:
                self._read()
            results.append(json.loads(self._texts.pop(0))["data"]["number"])
        return results

    def close(self) -> None:
        self._socket.close()


def test_the_web_process_says_that_it_lives(site: Site, live_ctx: Context) -> None:
    page = connect(site, "status")

    def beat() -> bool:
        return heartbeat.read(live_ctx.redis).get("dashboard_server", {}).get("clients", 0) >= 1

    eventually(beat, within=15)
    component = json.loads(get(site, "/api/status")[1])["components"]["dashboard_server"]
    assert (component["status"], component["interval"]) == ("operational", 5)
    page.close()


def test_redis_goes_and_comes_back(site: Site, broker: Broker, live_ctx: Context) -> None:
    page = connect(site, "status", "alerts")
    page.status_until("up")
    broker.kill()
    gone = page.status_until("down")
    assert gone["system_status"] == "critical"
    status, text = get(site, "/api/status")
    assert (status, json.loads(text)["redis"]["status"], json.loads(text)["database"]["status"]) == (200, "down", "up")
    assert get(site, "/api/alerts")[0] == 200
    assert get(site, "/dashboard")[0] == 200
    status, text = get(site, "/api/metrics")
    assert (status, json.loads(text)["error"]) == (503, "unavailable")
    broker.start()
    page.status_until("up")
    assert get(site, "/api/metrics")[0] == 200

    def heard() -> bool:
        live.publish(live_ctx.redis, "alerts", {"silence": "y"})
        text = page.receive(timeout=0.3)
        return text is not None and json.loads(text)["stream"] == "alerts"

    eventually(heard)
    page.close()
