"""Runs Prometheus' PromQL test scripts over our evaluators, and says where they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import numbers, script
from memmon.promql.exact.values import Ranged, Value
from memmon.promql.memory import Memory
from memmon.promql.query import Query
from memmon.promql.script import Eval, Expected, Steps, is_same
from memmon.samples import Point, Series

MINUTE_MS = 60_000
DEVIATIONS: dict[tuple[str, int], str] = {
    ("functions.test", 1149): "it expects what rounding leaves of a Kahan sum; the exact mean is -44.848083237",
}
"""Evaluations of the float language that we answer otherwise, and why."""


class EvaluationResult(NamedTuple):
    """Result of one evaluation. `missed` is the difference, empty for a pass; `refused` is the
    error of the query.
    """

    file: str
    line: int
    category: str
    expr: str
    missed: str = ""
    refused: str = ""


def run(path: Path, exact: bool = False) -> Iterator[EvaluationResult]:
    """Return a verdict for every evaluation of the script at `path`; `exact` keeps the kernels
    out.
    """
    categories = _scope(path.parent).get(path.name, {})
    loaded = Memory()
    for command in script.read(path.read_text()):
        if isinstance(command, script.Clear):
            loaded = Memory()
        elif isinstance(command, script.LoadCommand):
            loaded.add(command.series)
        else:
            missed, refused = _judged(command, loaded, exact)
            category = categories.get(command.line, "float")
            yield EvaluationResult(path.name, command.line, category, command.expr, missed, refused)


@lru_cache(maxsize=8)
def _scope(folder: Path) -> dict[str, dict[int, str]]:
    """Return the category of each line, by file, as `scope.json` in the folder has it."""
    if not (folder / "scope.json").exists():
        return {}
    files: dict[str, dict[str, list[int]]] = json.loads((folder / "scope.json").read_text())["files"]
    return {
        name: {line: category for category, lines in categories.items() for line in lines}
        for name, categories in files.items()
    }


def _judged(command: Eval, loaded: Memory, exact: bool) -> tuple[str, str]:
    """Return the difference of an evaluation, and its error."""
    expected, refused = command.expected, ""
    try:
        missed = _asked(command, loaded, exact)
        if expected.fails is not None:
            missed = "it must fail, and did not"
        elif not missed and not command.is_range and not expected.ordered and expected.vector is None:
            missed = _again_as_range(command, loaded, exact)
    except BadQuery as error:
        refused = str(error)
        missed = ""
        if expected.fails is None:
            missed = f"it failed: {error}"
        elif not expected.fails.fits(refused):
            missed = f"it must fail with {expected.fails.text!r}, and did with {refused!r}"
    return missed, refused


def _asked(command: Eval, loaded: Memory, exact: bool) -> str:
    steps, expected = command.steps, command.expected
    query = Query(command.expr, loaded, steps.start / 1000, steps.end / 1000, exact=exact)
    missed = ""
    if command.is_range:
        series_by_labels = {series.labels: series for series in query.steps(steps.step / 1000)}
        missed = _compare_rows(expected, series_by_labels, steps)
    else:
        missed = _compare(expected, query.value(steps.start / 1000), query.kind)
    return missed or _compare_notes(expected, query.notes.warnings, query.notes.infos)


def _again_as_range(command: Eval, loaded: Memory, exact: bool) -> str:
    """Ask the same over a minute on both sides; the step in the middle must come to the same."""
    at = command.steps.start
    try:
        query = Query(command.expr, loaded, (at - MINUTE_MS) / 1000, (at + MINUTE_MS) / 1000, exact=exact)
        if query.kind not in ("vector", "scalar") or not _is_bound_to_time(command.expr):
            return ""
        series = query.steps(MINUTE_MS / 1000)
    except BadQuery as error:
        return "" if "same labelset" in str(error) else f"as a range it failed: {error}"
    points = [Point(row.labels, float(row.values[i])) for row in series for i in np.flatnonzero(row.times == at)]
    value: Value = points
    if query.kind == "scalar":
        value = points[0].value if points else []
    missed = _compare(command.expected, value, query.kind)
    return f"as a range: {missed}" if missed else ""


def _is_bound_to_time(expr: str) -> bool:
    """Tell whether each step of a range must come to what an instant does: start() and end() are
    others there.
    """
    return "start()" not in expr and "end()" not in expr


def _compare(expected: Expected, value: Value, kind: str) -> str:
    if expected.text is not None:
        return "" if value == expected.text else f"expected {expected.text!r}, found {value!r}"
    if isinstance(value, str):
        return f"found the text {value!r}"
    if isinstance(value, float):
        if expected.scalar is None:
            return f"found the scalar {numbers.short(value)}"
        return (
            ""
            if is_same(value, expected.scalar)
            else f"expected {expected.scalar}, found scalar {numbers.short(value)}"
        )
    if kind == "matrix":
        series_by_labels = {
            row.labels: Series(row.labels, (row.window.times * 1000).round().astype(np.int64), row.window.values)
            for row in value
            if isinstance(row, Ranged)
        }
        return _compare_rows(expected, series_by_labels, expected.vector)
    return _compare_points(expected, [row for row in value if isinstance(row, Point)])


def _compare_points(expected: Expected, points: list[Point]) -> str:
    expected_rows = [(labels, values_[0]) for labels, values_ in expected.rows if values_ and values_[0] is not None]
    if expected.scalar is not None:
        expected_rows = [((), expected.scalar)]
    if len({point.labels for point in points}) != len(points):
        return "a label set came twice"
    if expected.ordered and [labels for labels, _ in expected_rows] != [point.labels for point in points]:
        return f"the order is {[label_sets.show(point.labels) for point in points]}"
    return _differences(
        {labels: [value] for labels, value in expected_rows}, {point.labels: [point.value] for point in points}
    )


def _compare_rows(expected: Expected, series_by_labels: dict[Labels, Series], steps: Steps | None) -> str:
    if steps is None:
        return "found a range vector"
    expected_rows = {
        labels: values_ for labels, values_ in expected.rows if any(value is not None for value in values_)
    }
    moments = range(steps.start, steps.end + 1, steps.step)
    if expected.scalar is not None:
        expected_rows = {(): [expected.scalar] * len(moments)}
    by_time = {
        labels: dict(zip(series.times.tolist(), series.values.tolist(), strict=True))
        for labels, series in series_by_labels.items()
    }
    extra = [label_sets.show(labels) for labels, values_ in by_time.items() if set(values_) - set(moments)]
    if extra:
        return f"samples at other times in {extra}"
    got = {labels: [values_.get(at) for at in moments] for labels, values_ in by_time.items()}
    padded = {labels: (values_ + [None] * len(moments))[: len(moments)] for labels, values_ in expected_rows.items()}
    return _differences(padded, got)


def _differences(expected_: dict[Labels, Any], actual: dict[Labels, Any]) -> str:
    wrong = [f"missing {label_sets.show(labels)}" for labels in expected_ if labels not in actual]
    wrong += [f"unexpected {label_sets.show(labels)} {actual[labels]}" for labels in actual if labels not in expected_]
    for labels in expected_.keys() & actual.keys():
        for a, b in zip(expected_[labels], actual[labels], strict=True):
            if (a is None) != (b is None) or (a is not None and not is_same(a, b)):
                wrong.append(f"{label_sets.show(labels)}: expected {expected_[labels]}, found {actual[labels]}")
                break
    return "; ".join(wrong[:3])


def _compare_notes(expected: Expected, warnings: list[str], infos: list[str]) -> str:
    for word, expected_texts, none, actual in (
        ("warning", expected.warns, expected.no_warnings, warnings),
        ("info", expected.informs, expected.no_infos, infos),
    ):
        if none and actual:
            return f"no {word} expected, found {actual}"
        for expected_text in expected_texts:
            if not any(expected_text.fits(text) for text in actual):
                return f"expected the {word} {expected_text.text!r}, found {actual}"
    return ""
