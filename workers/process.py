"""This process' context: opened at first use, in the process that uses it and never before a
fork.
"""

from __future__ import annotations

import logging
import os
import time

from memmon.context import Context
from memmon.db import migrate
from memmon.errors import Transient
from memmon.settings import load
from memmon.stack import config_check
from workers import control

log = logging.getLogger(__name__)

RECHECK_SECONDS = 5.0
"""Seconds between two checks of a database that has another schema."""

_contexts: dict[int, Context] = {}


def context() -> Context:
    """Return the context of this process."""
    pid = os.getpid()
    if pid not in _contexts:
        # One of the parent's would share its sockets. It is kept all the same: letting go of it
        # would close, in this process, an SQLite file that the parent has locked.
        ctx = Context(load(), load_config=config_check.config, worker_pools=control.CeleryWorkerPools())
        _wait_for_schema(ctx)
        _contexts[pid] = ctx
    return _contexts[pid]


def _wait_for_schema(ctx: Context) -> None:
    """Wait while the database has another schema than this version needs. A task that failed
    instead would be retried, and after its last retry be lost."""
    is_logged = False
    while True:
        try:
            schema = migrate.schema(ctx.engine)
        except Transient:
            return  # The database is away: each task says so and is retried.
        if schema.state == "current":
            return
        if not is_logged:
            log.error("waiting: %s; run `memmon migrate` with the newer of the two versions", schema)
            is_logged = True
        time.sleep(RECHECK_SECONDS)
