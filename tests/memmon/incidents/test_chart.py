from xml.etree import ElementTree

import pytest

from memmon.incidents import chart
from memmon.incidents.chart import Line

SVG = "{http://www.w3.org/2000/svg}"


def drawn(lines: list[Line], *marks: tuple[float, str], title: str = "Heat") -> ElementTree.Element:
    return ElementTree.fromstring(chart.svg(title, lines, 0.0, 600.0, marks))


def points(root: ElementTree.Element) -> list[list[tuple[float, float]]]:
    results = []
    for line in root.iter(f"{SVG}polyline"):
        results.append([(float(x), float(y)) for x, y in (pair.split(",") for pair in line.attrib["points"].split())])
    return results


def test_a_line_goes_from_edge_to_edge_and_up_with_its_values() -> None:
    [line] = points(drawn([Line("a", [(0.0, 0.0), (300.0, 5.0), (600.0, 10.0)])]))
    assert [x for x, _ in line] == [chart.LEFT, (chart.LEFT + chart.WIDTH - chart.RIGHT) / 2, chart.WIDTH - chart.RIGHT]
    assert [y for _, y in line] == [
        chart.HEIGHT - chart.BOTTOM,
        (chart.HEIGHT - chart.BOTTOM + chart.TOP) / 2,
        chart.TOP,
    ]


def test_a_gap_in_the_samples_is_a_gap_in_the_line() -> None:
    arguments = [(float(t), 1.0) for t in (0, 10, 20, 30, 200, 210)]
    assert [len(run) for run in points(drawn([Line("a", arguments)]))] == [4, 2]


def test_what_is_no_number_is_left_out() -> None:
    [line] = points(drawn([Line("a", [(0.0, 1.0), (10.0, float("nan")), (20.0, float("inf")), (30.0, 2.0)])]))
    assert len(line) == 2


def test_moments_are_named_and_those_outside_are_not() -> None:
    text = chart.svg("Heat", [Line("a", [(0.0, 1.0)])], 0.0, 600.0, [(100.0, "opened"), (900.0, "later")])
    assert "opened" in text
    assert "later" not in text


def test_words_of_others_are_text() -> None:
    root = drawn([Line("<script>alert(1)</script>", [(0.0, 1.0), (9.0, 2.0)])], title='"><script>')
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("values", [[0.0, 0.0], [5.0, 5.0], [-3.0, 4.0], [1e-9, 2e-9], [1e12, 3e12], []])
def test_any_values_make_a_chart(values: list[float]) -> None:
    root = drawn([Line("a", [(float(n), value) for n, value in enumerate(values)])])
    assert root.attrib["viewBox"] == f"0 0 {chart.WIDTH} {chart.HEIGHT}"
