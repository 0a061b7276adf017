"""What a service verb works with: opened once per process, after the fork, closed never but by the process' end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

import redis as redis_py
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from memmon import config as configuration
from memmon.config import Config
from memmon.db import engine as db_engine
from memmon.settings import Settings
from memmon.state import client


class Context:
    """Settings, configuration, Redis, SQL and the clock. Redis and SQL are opened at first use."""

    def __init__(self, settings: Settings, config: Config | None = None, now: Callable[[], float] = time.time):
        self.settings = settings
        self.now = now
        self._config = config

    @property
    def config(self) -> Config:
        """The configuration in force; `reload_config` replaces it."""
        if self._config is None:
            self._config = configuration.load(self.settings)
        return self._config

    def reload_config(self) -> Config:
        """Read the files again; on BadConfig the old configuration stays in force."""
        self._config = configuration.load(self.settings)
        return self._config

    @cached_property
    def redis(self) -> redis_py.Redis:
        """The client of Redis, with time limits on every socket operation."""
        return client.connect(self.settings.redis_address)

    @cached_property
    def engine(self) -> Engine:
        """The SQLAlchemy engine."""
        return db_engine.create(self.settings.database_address)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with db_engine.reading(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that takes the write lock at once and commits at the end."""
        with db_engine.writing(self.engine) as session:
            yield session

    def close(self) -> None:
        """Give the connections back."""
        if "redis" in self.__dict__:
            self.redis.close()
        if "engine" in self.__dict__:
            self.engine.dispose()
