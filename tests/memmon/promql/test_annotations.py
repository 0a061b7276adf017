"""Annotations of results, and their positions in the query."""

from __future__ import annotations

import numpy as np
import pytest

from memmon import labels
from memmon.promql.query import Query
from memmon.samples import Series
from tests.memmon.promql.memory import Memory

SERIES = [
    Series(labels.of(__name__=name, **pairs), np.arange(10, dtype=np.int64) * 10_000, np.arange(10.0))
    for name, pairs in (
        ("requests", {}),
        ("requests_total", {}),
        ("b_bucket", {"le": "1"}),
        ("b_bucket", {"le": "oops"}),
    )
]


def notes(expr: str, exact: bool) -> tuple[list[str], list[str]]:
    query = Query(expr, Memory(SERIES), 90, 90, exact=exact)
    query.instant(90)
    return query.notes.warnings, query.notes.infos


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("expr", "warning", "info"),
    [
        ("rate(requests_total[1m])", None, None),
        (
            "1 + sum by (x) (rate(requests[1m]))",
            None,
            'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "requests" (1:22)',
        ),
        ("quantile(1.5, requests)", "quantile value should be between 0 and 1, got 1.5 (1:10)", None),
        (
            'histogram_quantile(0.5, {__name__="b_bucket", le=~"o.*"})',
            'bucket label "le" is missing or has a malformed value of "oops" for metric name "b_bucket" (1:25)',
            None,
        ),
    ],
)
def test_a_doubtful_question_is_answered_with_a_note(
    expr: str, warning: str | None, info: str | None, exact: bool
) -> None:
    warnings, infos = notes(expr, exact)
    assert warnings == ([f"PromQL warning: {warning}"] if warning else [])
    assert infos == ([f"PromQL info: {info}"] if info else [])


def test_a_place_is_line_and_column_and_minds_strings_and_comments() -> None:
    expr = '# rate(x)\nlabel_replace(\n  rate(requests[1m]), "a", "sum(x)", "b", "c")'
    _, [info] = notes(expr, True)
    assert info.endswith("(3:8)")
