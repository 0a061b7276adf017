"""gunicorn's configuration under `memmon up`."""

from __future__ import annotations

import resource
from typing import Any

from memmon.stack import parent_death
from memmon.stack.program import TITLE

proc_name = f"{TITLE}: dashboard"
graceful_timeout = 5
timeout = 60
worker_connections = 2000
control_socket_disable = True  # It would be one for all stacks of this user.


def on_starting(server: Any) -> None:
    """Let it hold as many connections as it may, each of which is a descriptor."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    descriptors = 2 * worker_connections
    soft = descriptors if most == resource.RLIM_INFINITY else min(most, descriptors)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


def post_fork(server: Any, worker: Any) -> None:
    """The worker ends with its master."""
    parent_death.tie(parent=worker.ppid)
