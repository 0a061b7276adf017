"""Ties a process to its parent, so that `kill -9` of the parent leaves no orphan. Linux only;
elsewhere it does nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie(signal_number: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Let the kernel send this process `signal_number` when its parent dies; exit now when `parent`
    is dead already. The setting survives exec, but not fork.

    It holds across an exec and not for children. The parent is the thread that started this
    process: the main one.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        sys.exit(f"the parent {parent} is gone")
