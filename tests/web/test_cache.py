import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import eventually
from web.cache import TtlCache


class Key:
    """Counts how often it is looked up."""

    looked_up = 0

    def __hash__(self) -> int:
        self.looked_up += 1
        return 1


def test_an_answer_is_kept_for_its_time() -> None:
    recent, created = TtlCache(60), iter((1, 2, 3))
    assert [recent.get("a", lambda: next(created)) for _ in range(2)] == [1, 1]
    assert recent.get("b", lambda: next(created)) == 2
    assert recent.get("a", lambda: next(created), 0) == 3


def test_who_asks_meanwhile_waits_for_the_one_calculation() -> None:
    recent, key, begun, release = TtlCache(60), Key(), [], threading.Event()

    def slow() -> str:
        begun.append(key)
        release.wait(10)
        return "made"

    with ThreadPoolExecutor(5) as callers:
        asked = [callers.submit(recent.get, key, slow) for _ in range(5)]
        # Each of the five has asked, and one of them computes the answer.
        eventually(lambda: key.looked_up >= 6)
        release.set()
        assert [entry.result(10) for entry in asked] == ["made"] * 5
    assert len(begun) == 1


def test_a_failure_is_not_kept() -> None:
    recent = TtlCache(60)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 / 0)
    assert recent.get("a", lambda: 5) == 5
