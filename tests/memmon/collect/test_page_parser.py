"""The fast page parser returns the result of the strict one for every page."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmon.collect import page_parser
from memmon.errors import BadInput
from memmon.labels import Labels
from memmon.metrics import exposition

PAGE = """# HELP hits_total How many
# TYPE hits_total counter
hits_total{path="/a b",code="200"} 10
hits_total{path="/c"} 2.5

# TYPE up gauge
up NaN
"""

Said = tuple[list[tuple[Labels, str, int | None]], dict[str, object]]


def strict(text: str) -> Said | None:
    try:
        actual = exposition.parse(text)
    except BadInput:
        return None
    return _in_order([(sample.labels, repr(sample.value), sample.at) for sample in actual.samples]), dict(
        actual.metadata
    )


def fast(text: str, existing: page_parser.PageLayout | None) -> tuple[Said | None, page_parser.PageLayout | None]:
    try:
        output, existing = page_parser.read(text, existing)
    except BadInput:
        return None, existing
    plain = [(labels, repr(value), None) for labels, value in zip(output.series, output.values.tolist(), strict=True)]
    local = [(entry.labels, repr(entry.value), entry.at) for entry in output.timed]
    return (_in_order([*plain, *local]), dict(output.metadata)), existing


def _in_order(samples: list[tuple[Labels, str, int | None]]) -> list[tuple[Labels, str, int | None]]:
    return sorted(samples, key=lambda entry: (entry[0], entry[1], -1 if entry[2] is None else entry[2]))


def test_a_page_with_other_numbers_is_read_without_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    first, existing = page_parser.read(PAGE, None)
    assert existing is not None
    monkeypatch.setattr(exposition, "parse", lambda text: pytest.fail("the strict parser was asked"))
    output, again = page_parser.read(PAGE.replace("2.5", "+Inf").replace(" 10", " 1e3"), existing)
    assert again is existing
    assert output.series is first.series
    assert output.values.tolist()[:2] == [1000, math.inf]
    assert math.isnan(output.values[2])


@pytest.mark.parametrize(
    "line", ["hits_total 1_0", "hits_total 0x10", "hits_total ١٠_", "hits_total 1 2 3x", "hits_total", "{ 1", "up 1 5"]
)
def test_what_the_format_does_not_have_is_no_number_here_either(line: str) -> None:
    _, existing = fast("hits_total 1\n", None)
    assert fast(f"{line}\n", existing)[0] == strict(f"{line}\n")


NAMES = st.sampled_from(["a", "b_total", "c:d", "h_bucket", "h_sum", "h_count"])
TEXTS = st.sampled_from(["", "x", "x y", 'q\\"q', "n\\nn", "\\\\", "{}", "=", ",", "# x", "ü"])
LABELS = st.lists(st.tuples(st.sampled_from(["le", "p", "q"]), TEXTS), max_size=2, unique_by=lambda pair: pair[0])
NUMBERS = st.sampled_from(["0", "1", "-2.5", "1e9", "NaN", "+Inf", "-Inf", "1_0", "0x1", "", "x", "1.0000000000000001"])
GAPS = st.sampled_from([" "] * 8 + ["  ", "\t", " \t"])
TAILS = st.sampled_from([""] * 12 + [" ", "\r", " 1000", " 1000 # {}", "\t7", "#", " x"])
COMMENTS = st.sampled_from(
    [
        "",
        " ",
        "# EOF",
        "# HELP a some thing",
        "# TYPE a gauge",
        "# TYPE b_total counter",
        "# TYPE h histogram",
        "#",
        "# a 1",
    ]
)


@st.composite
def lines(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 4)) == 0:
        return draw(COMMENTS)
    labels = ",".join(f'{name}="{text}"' for name, text in draw(LABELS))
    series = draw(NAMES) + (f"{{{labels}}}" if labels or draw(st.booleans()) else "")
    return f"{series}{draw(GAPS)}{draw(NUMBERS)}{draw(TAILS)}"


@st.composite
def following(draw: st.DrawFn, before: list[str]) -> list[str]:
    """The page after `before`: numbers changed, lines added, gone, twice or in another order."""
    now = list(before)
    for _ in range(draw(st.integers(0, 4))):
        kind, at = draw(st.integers(0, 4)), draw(st.integers(0, max(0, len(now) - 1)))
        if kind <= 1 and now:
            now[at] = f"{now[at].rpartition(' ')[0]} {draw(NUMBERS)}"
        elif kind == 2:
            now.insert(at, draw(lines()))
        elif kind == 3 and now:
            del now[at]
        elif now:
            now.insert(at, now[draw(st.integers(0, len(now) - 1))])
    return now


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_two_pages_after_each_other_are_read_as_the_strict_parser_reads_them(data: st.DataObject) -> None:
    first = data.draw(st.lists(lines(), max_size=8))
    second = data.draw(following(first))
    third = data.draw(following(second))
    existing = None
    for given_lines in (first, second, third):
        text = "\n".join(given_lines)
        actual, existing = fast(text, existing)
        assert actual == strict(text)
