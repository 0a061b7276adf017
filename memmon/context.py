"""What a service verb works with: opened once per process, after the fork, closed never but by the
process' end.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol, cast

import redis as redis_py
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from memmon import config as configuration
from memmon.config import Config
from memmon.db import engine as db_engine
from memmon.db import migrate
from memmon.errors import BadConfig, Transient
from memmon.settings import Settings
from memmon.state import client, keys

log = logging.getLogger(__name__)

CONFIG_CHECK_SECONDS = 1.0
"""Seconds between two looks at whether the configuration changed."""


class WorkerPools(Protocol):
    """The fleet's workers, by their remote control; only a worker has it."""

    def sizes(self, timeout: float) -> dict[str, int]:
        """Return the configured pool size of each worker that answers within the timeout (s), by
        node name.
        """

    def resize(self, worker: str, delta: int, timeout: float) -> None:
        """Add processes to the pool of a worker, or remove them for a negative count; return once
        that is done. Raise Transient or Permanent.
        """


class Context:
    """Settings, configuration, Redis, SQL and the clock. Redis and SQL are opened at first use.
    `load` reads the configuration and refuses a wrong one; a process that works with all of it
    checks all of it.
    """

    def __init__(
        self,
        settings: Settings,
        config: Config | None = None,
        now: Callable[[], float] = time.time,
        load_config: Callable[[Settings], Config] = configuration.load,
        worker_pools: WorkerPools | None = None,
    ):
        self.settings = settings
        self.worker_pools = worker_pools
        self.now = now
        self._load = load_config
        self._config = config
        self._version: bytes | None = None
        self._looked_at: float | None = None
        self._schema_is_current = False

    @property
    def config(self) -> Config:
        """The configuration in force; `refresh` replaces it."""
        if self._config is None:
            self._config = self._load(self.settings)
        return self._config

    def reload_config(self) -> Config:
        """Read the files again; on BadConfig the old configuration stays in force."""
        self._config = self._load(self.settings)
        return self._config

    def refresh_config(self) -> None:
        """Read the files again when an operator asked for that since the last look; look at most
        once a second.

        The doors call this before each piece of work. A configuration that is wrong by now leaves
        the old one in force, and so does a Redis that is away.
        """
        now = self.now()
        if self._looked_at is not None and 0 <= now - self._looked_at < CONFIG_CHECK_SECONDS:
            return
        self._looked_at = now
        try:
            version = cast("bytes | None", self.redis.get(keys.config_version())) or b"0"
        except redis_py.RedisError:
            return
        if version == self._version:
            return
        is_first, self._version = self._version is None, version
        if is_first and self._config is None:
            return  # Nothing was read yet that could be old.
        try:
            self.reload_config()
        except BadConfig as error:
            log.error("the configuration is wrong, the old one stays in force: %s", error)

    def publish_config_change(self) -> None:
        """Let every process read the files again; the caller has checked them."""
        with client.edge():
            self.redis.incr(keys.config_version())

    @cached_property
    def redis(self) -> redis_py.Redis:
        """The client of Redis, with time limits on every socket operation."""
        return client.connect(self.settings.redis_address)

    @cached_property
    def engine(self) -> Engine:
        """The SQLAlchemy engine."""
        return db_engine.create(self.settings.database_address)

    def check_schema(self) -> None:
        """Raise Transient until the database has the schema of this version; `memmon up` and
        `memmon migrate` upgrade an older one."""
        if self._schema_is_current:
            return
        schema = migrate.schema(self.engine)
        if schema.state != "current":
            raise Transient(f"database: {schema}; run `memmon migrate` with the newer of the two versions")
        self._schema_is_current = True

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        self.check_schema()
        with db_engine.reading(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that takes the write lock at once and commits at the end."""
        self.check_schema()
        with db_engine.writing(self.engine) as session:
            session.info["settings"] = self.settings
            yield session

    def close(self) -> None:
        """Give the connections back."""
        if "redis" in self.__dict__:
            self.redis.close()
        if "engine" in self.__dict__:
            self.engine.dispose()
