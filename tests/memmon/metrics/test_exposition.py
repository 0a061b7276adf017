import math

import pytest

from memmon import labels
from memmon.errors import BadInput
from memmon.metrics import exposition
from memmon.samples import Metadata, Point

PAGE = """# HELP a_total Things "done"
# TYPE a_total counter
a_total{path="a\\"b\\\\c"} 3
# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="+Inf"} 2
h_sum 0.9
h_count 2
g NaN
"""


def test_a_page_reads_with_its_metadata() -> None:
    page = exposition.parse(PAGE)
    actual = {labels.show(sample.labels): sample.value for sample in page.samples}
    assert actual['a_total{path="a\\"b\\\\c"}'] == 3
    assert actual['h_bucket{le="+Inf"}'] == 2
    assert math.isnan(actual["g"])
    assert page.metadata["a_total"].kind == "counter"
    assert page.metadata["h"].kind == "histogram"


@pytest.mark.parametrize("text", ["<html>hello</html>", '{"json": 1}', "a{ 1", "a b c d", "a{x=1} 2"])
def test_what_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not Prometheus text format"):
        exposition.parse(text)


def test_what_is_rendered_reads_back() -> None:
    page = exposition.parse(PAGE)
    points = [Point(sample.labels, sample.value) for sample in page.samples]
    again = exposition.parse(exposition.render(points, page.metadata))
    assert sorted(str(s) for s in again.samples) == sorted(str(s) for s in page.samples)
    assert again.metadata["h"].kind == "histogram"


def test_buckets_are_rendered_in_the_order_of_their_bounds() -> None:
    points = [Point(labels.of({"__name__": "h_bucket", "le": le}), 1) for le in ("+Inf", "10", "2")]
    page = exposition.render(points, {"h": Metadata("histogram")})
    assert [line.split('"')[1] for line in page.splitlines() if "le=" in line] == ["2", "10", "+Inf"]
