import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmon import duration
from memmon.errors import BadInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1d", 86400), ("2w", 1209600), ("1y", 31536000)],
)
def test_prometheus_durations_are_read(text: str, seconds: float) -> None:
    assert duration.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5m1h", "-5m", "1.5h", "5 m", "5M"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        duration.parse(text, "window")
    assert caught.value.field == "window"


@given(st.integers(min_value=0, max_value=10**12))
def test_what_is_shown_reads_back(milliseconds: int) -> None:
    assert round(duration.parse(duration.show(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("seconds", "output"),
    [
        (0, "0s"), (0.0412, "41ms"), (9.5, "9s500ms"), (9.9996, "10s"), (306.632, "5m7s"), (3599.7, "1h"), (7290, "2h2m"),
        (200000, "2d7h33m"),
    ],
)  # fmt: skip
def test_what_is_said_about_a_length_is_no_more_exact_than_anybody_reads(seconds: float, output: str) -> None:
    assert duration.about(seconds) == output
