"""The command line in this process, over the parts of a test."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from memmon.cli import main
from memmon.context import Context
from memmon.incidents import service as incidents
from memmon.security import service as security
from tests.conftest import Clock

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_ctx: Context, clock: Clock) -> Iterator[Run]:
    """Call `memmon` with words; its environment is that of `sqlite_ctx`, whose clock shows the real
    time.
    """
    clock.now = time.time()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    settings = sqlite_ctx.settings
    assert settings.redis_url is not None
    assert settings.database_url is not None
    environ = {
        "MEMMON_HOME": str(settings.home),
        "MEMMON_REDIS_URL": settings.redis_url.get_secret_value(),
        "MEMMON_DATABASE_URL": settings.database_url.get_secret_value(),
        "MEMMON_LOCK_FILE": str(settings.home / "lock"),
        "MEMMON_INSTANCE": "test",
    }

    def call(*words: str, **extra: str) -> Result:
        return CliRunner().invoke(main, words, env={**environ, **extra})

    yield call
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def attack(sqlite_ctx: Context, run: Run) -> int:
    """An attack that was found: an alert that fires, and the incident that it opened, whose number
    is returned.
    """

    event = {"event_type": "auth_failure", "source_ip": "203.0.113.9", "user": "root"}
    security.record(sqlite_ctx, [event] * 6, "test")
    incidents.correlate(sqlite_ctx)
    return int(incidents.listing(sqlite_ctx)["incidents"][0]["id"])
