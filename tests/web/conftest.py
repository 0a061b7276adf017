"""The application on a real context, callers with each role, and the queues that it fills."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from memmon.context import Context
from memmon.security import access
from memmon.state import keys
from web import create_app
from workers.app import app as celery

Headers = dict[str, str]


@pytest.fixture
def app(ctx: Context) -> Flask:
    """The application."""
    return create_app(ctx)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A caller on this machine, not signed in, as `curl http://localhost:8080/` is."""
    return app.test_client()


@pytest.fixture
def bearer(ctx: Context) -> Callable[[str], Headers]:
    """Make the headers of a caller with a role."""

    def make(role: str) -> Headers:
        return {"Authorization": f"Bearer {access.create(ctx, f'{role}-of-tests', role)}"}

    return make


@pytest.fixture
def operator(bearer: Callable[[str], Headers]) -> Headers:
    """The headers of an operator."""
    return bearer("operator")


@pytest.fixture(scope="session", autouse=True)
def _broker(valkey: str) -> None:
    """What views send goes to the queues of Valkey: a broker that is not there would be waited
    for.
    """
    celery.conf.broker_url = valkey.replace("unix://", "redis+socket://")


@pytest.fixture
def sent(ctx: Context) -> Callable[[], list[str]]:
    """The names of the tasks that were really put into the queues of Valkey."""

    def names() -> list[str]:
        queues = ("alerts", "notify", "security", "incidents")
        waiting: list[Any] = [text for name in queues for text in ctx.redis.lrange(keys.queue(name), 0, -1)]  # type: ignore[union-attr]
        return sorted(json.loads(text)["headers"]["task"].removeprefix("workers.") for text in waiting)

    return names


@pytest.fixture
def live(make_ctx: Callable[..., Context], ctx: Context) -> Context:
    """A context whose clock goes, for senders that have one of their own."""
    return Context(ctx.settings)


@pytest.fixture
def url(live: Context) -> Iterator[str]:
    """The address of a real server of the application on loopback."""
    server = make_server("127.0.0.1", 0, create_app(live), threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    live.close()
