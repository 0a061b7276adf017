"""This process' context: opened at first use, in the process that uses it and never before a fork."""

from __future__ import annotations

import os

from memmon.context import Context
from memmon.settings import load
from memmon.stack import config_check
from workers import control

_contexts: dict[int, Context] = {}


def context() -> Context:
    """Return the context of this process."""
    pid = os.getpid()
    if pid not in _contexts:
        # One of the parent's would share its sockets. It is kept all the same: letting go of it would close, in this
        # process, an SQLite file that the parent has locked.
        _contexts[pid] = Context(load(), load=config_check.config, fleet=control.Pools())
    return _contexts[pid]
