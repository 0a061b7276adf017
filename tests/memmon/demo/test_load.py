"""What the load driver asks for."""

from __future__ import annotations

import random
from collections import Counter

from memmon.client.prefilter import suspicious
from memmon.demo.load import QUERIES, choose


def test_most_requests_search_and_every_kind_comes() -> None:
    dice = random.Random(1)
    kinds = Counter(choose(dice)[1].split("?")[0] for _ in range(1000))
    assert kinds["/memories/search"] > 700
    assert min(kinds[path] for path in ("/memories", "/classify", "/login")) > 5


def test_nothing_of_it_looks_like_an_attack() -> None:
    assert suspicious([(query, query) for query in QUERIES]) == {}
