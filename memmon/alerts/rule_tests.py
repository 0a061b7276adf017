"""Unit tests of rules, as `promtool test rules` reads them. Source: Prometheus' documentation,
"Unit testing for rules".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from memmon import labels as label_sets
from memmon.alerts import rule
from memmon.alerts.rule import LoadedGroup
from memmon.alerts.simulation import Trial
from memmon.config.document import read
from memmon.config.model import Seconds, Section
from memmon.config.rules import RuleFile
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import script
from memmon.promql.memory import Memory
from memmon.promql.query import Query
from memmon.samples import STALE_NAN, Point, Series

MOST_STEPS = 100_000


class InputSeries(Section):
    """A series and its values, one each interval, in the notation of PromQL's test scripts."""

    series: str
    values: str


class ExpectedAlert(Section):
    """An alert that is to fire."""

    exp_labels: dict[str, str] | None = None
    exp_annotations: dict[str, str] | None = None


class AlertCase(Section):
    """All alerts of a name that are to fire at a time."""

    eval_time: Seconds
    alertname: str
    exp_alerts: tuple[ExpectedAlert, ...] = ()


class ExpectedSample(Section):
    """A sample that is to be found."""

    labels: str
    value: float


class QueryCase(Section):
    """What an expression is to be at a time."""

    expr: str
    eval_time: Seconds
    exp_samples: tuple[ExpectedSample, ...] = ()


class Case(Section):
    """One test."""

    name: str = ""
    interval: Seconds = Field(60.0, gt=0)
    input_series: tuple[InputSeries, ...] = ()
    alert_rule_test: tuple[AlertCase, ...] = ()
    promql_expr_test: tuple[QueryCase, ...] = ()
    external_labels: dict[str, str] = {}
    external_url: str = ""


class Cases(Section):
    """A file of tests; its rule files stand beside it."""

    rule_files: tuple[str, ...] = ()
    evaluation_interval: Seconds = Field(60.0, gt=0)
    group_eval_order: tuple[str, ...] = ()
    fuzzy_compare: bool = False
    tests: tuple[Case, ...] = ()


def run(path: Path) -> list[str]:
    """Return the failures of the tests in `path`, an empty list when all pass. Raises BadConfig for
    an invalid file.
    """
    cases = read(path, Cases)
    files = [
        rule_file
        for pattern in cases.rule_files
        for rule_file in sorted(path.parent.glob(pattern)) or [path.parent / pattern]
    ]
    groups = [group for rule_file in files for group in rule.book(read(rule_file, RuleFile)).groups]
    order = {name: place for place, name in enumerate(cases.group_eval_order)}
    groups.sort(key=lambda group: order.get(group.name, len(order)))
    failures = []
    for index, case in enumerate(cases.tests):
        title = case.name or f"test {index}"
        failures += [f"{title}: {missed}" for missed in _TestRun(groups, case, cases.evaluation_interval).missed()]
    return failures


class _TestRun:
    """One test: its samples, and its rules over them from the time 0 on."""

    def __init__(self, groups: Sequence[LoadedGroup], case: Case, interval: float):
        self._case, self._interval = case, interval
        self._memory = Memory(_loaded(case))
        self._before: dict[str, frozenset[Labels]] = {}
        self._trial = Trial(groups, self._ask, self._record, case.external_url)

    def missed(self) -> list[str]:
        """Return the differences between expected and actual results."""
        failures: list[str] = []
        alerts = sorted(self._case.alert_rule_test, key=lambda alert_case: alert_case.eval_time)
        times = [alert.eval_time for alert in alerts] + [
            query_case.eval_time for query_case in self._case.promql_expr_test
        ]
        last = max(times, default=0.0)
        steps = math.floor(last / self._interval + 1e-9)
        if steps > MOST_STEPS:
            return [f"its evaluations would be more than {MOST_STEPS}"]
        for index in range(steps + 1):
            now = index * self._interval
            self._trial.step(now)
            failures += [f"{name}: {error}" for name, error in self._trial.errors.items()]
            while alerts and alerts[0].eval_time < now + self._interval:
                failures += self._judged(alerts.pop(0))
        for query_case in self._case.promql_expr_test:
            failures += self._asked(query_case)
        return list(dict.fromkeys(failures))

    def _ask(self, expr: str, at: float) -> list[Point]:
        return Query(expr, self._memory, at, at).instant(at)

    def _record(self, name: str, points: Sequence[Point], at: float) -> None:
        fresh = frozenset(point.labels for point in points)
        gone = [Point(labels, STALE_NAN) for labels in self._before.get(name, frozenset()) - fresh]
        self._before[name] = fresh
        time = np.array([round(at * 1000)], dtype=np.int64)
        self._memory.add(Series(p.labels, time, np.array([p.value])) for p in (*points, *gone))

    def _judged(self, case: AlertCase) -> list[str]:
        expected = [
            (
                label_sets.of({**(e.exp_labels or {}), "alertname": case.alertname}),
                label_sets.of(e.exp_annotations or {}),
            )
            for e in case.exp_alerts
        ]
        got = [(label_sets.of(labels), label_sets.of(notes)) for labels, notes in self._trial.firing(case.alertname)]
        if sorted(expected) == sorted(got):
            return []
        where = f"alertname {case.alertname}, time {case.eval_time:g}s"
        return [f"{where}: expected {_alerts(expected)}, got {_alerts(got)}"]

    def _asked(self, case: QueryCase) -> list[str]:
        where = f"expr {case.expr!r}, time {case.eval_time:g}s"
        try:
            got = {point.labels: point.value for point in self._ask(case.expr, case.eval_time)}
        except BadQuery as error:
            return [f"{where}: {error}"]
        expected = {_series(sample.labels): sample.value for sample in case.exp_samples}
        if expected.keys() == got.keys() and all(script.is_same(expected[name], got[name]) for name in expected):
            return []
        return [f"{where}: expected {_samples(expected)}, got {_samples(got)}"]


def _loaded(case: Case) -> list[Series]:
    step = round(case.interval * 1000)
    return [
        series
        for input_series in case.input_series
        for series in script.loaded([f"{input_series.series} {input_series.values}"], step)
    ]


def _series(text: str) -> Labels:
    return script.labels_of(text)[0]


def _alerts(alerts: Sequence[tuple[Labels, Labels]]) -> str:
    texts = (
        f"{label_sets.show(labels)} {dict(notes)}" if notes else label_sets.show(labels)
        for labels, notes in sorted(alerts)
    )
    return "[" + ", ".join(texts) + "]"


def _samples(samples: dict[Labels, Any]) -> str:
    return "[" + ", ".join(f"{label_sets.show(labels)} {value:g}" for labels, value in sorted(samples.items())) + "]"
