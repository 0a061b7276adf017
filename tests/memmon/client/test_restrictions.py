"""Restrictions and their ends."""

from __future__ import annotations

from typing import Any

import pytest

from memmon.client.restrictions import Invalid, Restrictions, take

NOW = 1_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def restrictions(clock: Clock) -> Restrictions:
    return Restrictions(clock)


def test_a_block_ends_by_itself(restrictions: Restrictions, clock: Clock) -> None:
    restrictions.replace({"blocked": [{"address": "::ffff:203.0.113.9", "until": NOW + 60}]})
    assert restrictions.blocks("203.0.113.9")
    assert restrictions.blocks("203.0.113.10") is None
    assert restrictions.blocks(None) is None
    clock.now += 60
    assert restrictions.blocks("203.0.113.9") is None
    assert restrictions.to_json()["blocked"] == []


def test_a_feature_is_off_until_its_time(restrictions: Restrictions, clock: Clock) -> None:
    restrictions.replace({"disabled": [{"feature": "search", "until": NOW + 5}]})
    verdict = restrictions.limits("192.0.2.1", "/memories/search", "search")
    assert verdict
    assert (verdict.reason, verdict.after) == ("disabled", 5)
    assert restrictions.limits("192.0.2.1", "/memories", "store") is None
    assert restrictions.limits("192.0.2.1", "/other", None) is None
    clock.now += 5
    assert restrictions.limits("192.0.2.1", "/memories/search", "search") is None


def passed(
    restrictions: Restrictions, client: str, path: str = "/x", feature: str | None = None, tries: int = 100
) -> int:
    return sum(restrictions.limits(client, path, feature) is None for _ in range(tries))


def test_a_throttle_lets_through_what_it_may_in_a_minute(restrictions: Restrictions, clock: Clock) -> None:
    restrictions.replace(
        {"throttled": [{"subject": "203.0.113.9", "until": NOW + 600, "endpoint": "*", "per_minute": 30}]}
    )
    assert passed(restrictions, "203.0.113.9") == 3  # What may come at once.
    total = 0
    for _ in range(60):
        clock.now += 1
        total += passed(restrictions, "203.0.113.9", tries=5)
    assert total == 30
    assert passed(restrictions, "203.0.113.10") == 100
    clock.now += 600
    assert passed(restrictions, "203.0.113.9") == 100


def test_a_throttle_of_all_is_shared_by_all(restrictions: Restrictions) -> None:
    restrictions.replace({"throttled": [{"subject": "*", "until": NOW + 600, "endpoint": "*", "per_minute": 20}]})
    assert [passed(restrictions, f"192.0.2.{n}", tries=1) for n in range(4)] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("endpoint", "path", "feature", "covered"),
    [
        ("*", "/x", None, True),
        ("/memories", "/memories", None, True),
        ("/memories", "/memories/search", None, True),
        ("/memories", "/memoriesandmore", None, False),
        ("search", "/memories/search", "search", True),
        ("search", "/memories", "store", False),
    ],
)
def test_a_throttle_is_for_a_path_what_is_below_it_or_a_feature(
    restrictions: Restrictions, endpoint: str, path: str, feature: str | None, covered: bool
) -> None:
    restrictions.replace({"throttled": [{"subject": "*", "until": NOW + 9, "endpoint": endpoint, "per_minute": 1}]})
    assert (passed(restrictions, "192.0.2.1", path, feature, tries=5) == 1) == covered


def test_being_told_the_same_again_gives_no_new_tokens(restrictions: Restrictions) -> None:
    state = {"throttled": [{"subject": "*", "until": NOW + 600, "endpoint": "*", "per_minute": 10}]}
    restrictions.replace(state)
    assert passed(restrictions, "192.0.2.1") == 1
    restrictions.replace(state)
    assert passed(restrictions, "192.0.2.1") == 0
    restrictions.replace({})
    restrictions.replace(state)
    assert passed(restrictions, "192.0.2.1") == 1


def test_the_wait_is_until_the_next_token() -> None:
    tokens, wait = take(0.25, 100.0, 100.0, per_minute=60)
    assert (tokens, wait) == (0.25, 0.75)
    assert take(tokens, 100.0, 100.75, per_minute=60) == (0.0, 0.0)


def test_a_clock_that_goes_back_takes_no_tokens_away() -> None:
    assert take(1.0, 100.0, 50.0, per_minute=60) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ([], "body"),
        ({"banned": []}, "banned"),
        ({"blocked": {}}, "blocked"),
        ({"blocked": ["203.0.113.9"]}, "blocked[0]"),
        ({"blocked": [{"address": "everybody", "until": 5}]}, "blocked[0].address"),
        ({"blocked": [{"address": "203.0.113.9"}]}, "blocked[0].until"),
        ({"blocked": [{"address": "203.0.113.9", "until": 10**400}]}, "blocked[0].until"),
        ({"blocked": [{"address": "203.0.113.9", "until": float("nan")}]}, "blocked[0].until"),
        ({"throttled": [{"subject": "me", "until": 5, "per_minute": 5}]}, "throttled[0].subject"),
        ({"throttled": [{"subject": "*", "until": 5, "endpoint": 7, "per_minute": 5}]}, "throttled[0].endpoint"),
        ({"throttled": [{"subject": "*", "until": 5, "per_minute": 0}]}, "throttled[0].per_minute"),
        ({"throttled": [{"subject": "*", "until": 5, "per_minute": True}]}, "throttled[0].per_minute"),
        ({"disabled": [{"until": 5}]}, "disabled[0].feature"),
    ],
)
def test_a_wrong_state_is_refused_by_field_and_the_old_one_stays(
    restrictions: Restrictions, arguments: Any, field: str
) -> None:
    restrictions.replace({"blocked": [{"address": "203.0.113.1", "until": NOW + 60}]})
    with pytest.raises(Invalid) as refused:
        restrictions.replace(arguments)
    assert refused.value.field == field
    assert restrictions.blocks("203.0.113.1")


def test_what_is_shown_can_be_told_again(restrictions: Restrictions) -> None:
    state = {
        "blocked": [{"address": "203.0.113.9", "until": NOW + 60}],
        "throttled": [{"subject": "*", "until": NOW + 60, "endpoint": "/x", "per_minute": 30}],
        "disabled": [{"feature": "search", "until": NOW + 60}],
    }
    restrictions.replace(state)
    assert restrictions.to_json() == state
