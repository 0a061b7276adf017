"""A time limit for code in this process: a hanging action is interrupted.

It works by SIGALRM (setitimer(2)), and so in the main thread alone, which is where a prefork worker
runs its tasks.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from memmon.errors import Transient


class Cut(BaseException):
    """The time is over. No handler in between takes it for a failure of the one part that it is
    about.
    """


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise Transient in the block when it is not over within `seconds`; in another thread than the
    main one it is not cut.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def cut(_signal: int, _frame: FrameType | None) -> None:
        raise Cut

    before = signal.signal(signal.SIGALRM, cut)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Cut:
        raise Transient(f"it did not end within {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
