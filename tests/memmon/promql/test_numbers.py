import math

import pytest

from memmon.promql import numbers

BIG = 1.7e308


def test_a_sum_is_rounded_once() -> None:
    assert numbers.total([1e100, 1, -1e100]) == 1
    assert numbers.total([BIG, BIG, -BIG]) == BIG
    assert numbers.total([BIG, BIG]) == math.inf
    assert math.isnan(numbers.total([math.inf, -math.inf]))
    assert math.isnan(numbers.total([BIG, BIG, math.inf, -math.inf]))


def test_a_mean_of_huge_numbers_is_no_infinity() -> None:
    assert numbers.mean([BIG, BIG]) == BIG
    assert numbers.mean([math.inf, 1]) == math.inf


def test_equal_values_have_no_variance_at_all() -> None:
    assert numbers.variance([0.1] * 7) == 0
    assert numbers.variance([1, 3]) == 1
    assert math.isnan(numbers.variance([1, math.inf]))


def test_a_line_is_fitted_exactly() -> None:
    assert numbers.line([0, 10, 20], [5, 5, 5]) == (0, 5)
    slope, start = numbers.line([0, 10, 20], [5, 25, 45])
    assert (slope, start) == pytest.approx((2, 5))
    assert math.isnan(numbers.line([3, 3], [1, 2])[0])


@pytest.mark.parametrize(
    ("value", "plain", "short"),
    [
        (1.0, "1", "1"),
        (-0.0, "-0", "-0"),
        (0.1, "0.1", "0.1"),
        (1e-7, "0.0000001", "1e-07"),
        (1e16, "10000000000000000", "10000000000000000"),
        (1.5e21, "1500000000000000000000", "1.5e+21"),
        (math.nan, "NaN", "NaN"),
        (-math.inf, "-Inf", "-Inf"),
    ],
)
def test_a_number_is_written_as_go_writes_it(value: float, plain: str, short: str) -> None:
    assert (numbers.plain(value), numbers.short(value)) == (plain, short)
