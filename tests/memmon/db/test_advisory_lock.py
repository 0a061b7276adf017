from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from memmon.context import Context
from memmon.db import advisory_lock


def test_one_at_a_time_holds_a_name_until_its_end(ctx: Context) -> None:
    inside, most, guard = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal inside, most
        with ctx.write() as session:
            advisory_lock.take(session, "a")
            with guard:
                inside += 1
                most = max(most, inside)
            advisory_lock.take(session, "a")  # Again is no trouble.
            with guard:
                inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    assert most == 1


def test_another_name_is_not_waited_for(pg_ctx: Context) -> None:
    with pg_ctx.write() as first, pg_ctx.write() as second:
        advisory_lock.take(first, "a")
        advisory_lock.take(second, "b")
