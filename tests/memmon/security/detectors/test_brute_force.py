from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmon.security.detectors import brute_force


@pytest.mark.parametrize(
    ("failures", "attack"),
    [
        ([], False),
        ([1000, 999, 998, 997], False),
        ([1000, 999, 998, 997, 996], True),
        ([1000, 999, 998, 997, 101], True),
        ([1000, 999, 998, 997, 100], False),
    ],
)
def test_five_failures_within_the_window_are_an_attack_and_four_are_none(failures: list[float], attack: bool) -> None:
    assert brute_force.is_attack(failures, 1000, 5, 900) == attack


@given(st.lists(st.integers(0, 2000)), st.integers(0, 2000), st.integers(1, 6))
def test_another_failure_never_makes_an_attack_less_of_one(times: list[int], extra: int, threshold: int) -> None:
    if brute_force.is_attack(times, 1000, threshold, 900):
        assert brute_force.is_attack([*times, extra], 1000, threshold, 900)
