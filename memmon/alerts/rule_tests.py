"""Unit tests of rules, as `promtool test rules` reads them. Source: Prometheus' documentation, "Unit testing for rules"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from memmon import labels as label_sets
from memmon.alerts import rule
from memmon.alerts.rule import Group
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
    """Return what is not as the tests in `path` expect it; nothing where all is. Raises BadConfig for a file that is wrong."""
    cases = read(path, Cases)
    files = [
        found for pattern in cases.rule_files for found in sorted(path.parent.glob(pattern)) or [path.parent / pattern]
    ]
    groups = [group for one in files for group in rule.book(read(one, RuleFile)).groups]
    order = {name: place for place, name in enumerate(cases.group_eval_order)}
    groups.sort(key=lambda group: order.get(group.name, len(order)))
    found = []
    for number, case in enumerate(cases.tests):
        title = case.name or f"test {number}"
        found += [f"{title}: {missed}" for missed in _Run(groups, case, cases.evaluation_interval).missed()]
    return found


class _Run:
    """One test: its samples, and its rules over them from the time 0 on."""

    def __init__(self, groups: Sequence[Group], case: Case, interval: float):
        self._case, self._interval = case, interval
        self._memory = Memory(_loaded(case))
        self._before: dict[str, frozenset[Labels]] = {}
        self._trial = Trial(groups, self._ask, self._record, case.external_url)

    def missed(self) -> list[str]:
        """Return what is otherwise than expected."""
        found: list[str] = []
        alerts = sorted(self._case.alert_rule_test, key=lambda one: one.eval_time)
        times = [one.eval_time for one in alerts] + [one.eval_time for one in self._case.promql_expr_test]
        last = max(times, default=0.0)
        steps = math.floor(last / self._interval + 1e-9)
        if steps > MOST_STEPS:
            return [f"its evaluations would be more than {MOST_STEPS}"]
        for number in range(steps + 1):
            now = number * self._interval
            self._trial.step(now)
            found += [f"{name}: {error}" for name, error in self._trial.errors.items()]
            while alerts and alerts[0].eval_time < now + self._interval:
                found += self._judged(alerts.pop(0))
        for one in self._case.promql_expr_test:
            found += self._asked(one)
        return list(dict.fromkeys(found))

    def _ask(self, expr: str, at: float) -> list[Point]:
        return Query(expr, self._memory, at, at).instant(at)

    def _record(self, name: str, points: Sequence[Point], at: float) -> None:
        fresh = frozenset(point.labels for point in points)
        gone = [Point(labels, STALE_NAN) for labels in self._before.get(name, frozenset()) - fresh]
        self._before[name] = fresh
        time = np.array([round(at * 1000)], dtype=np.int64)
        self._memory.add(Series(p.labels, time, np.array([p.value])) for p in (*points, *gone))

    def _judged(self, one: AlertCase) -> list[str]:
        wanted = [
            (
                label_sets.of({**(e.exp_labels or {}), "alertname": one.alertname}),
                label_sets.of(e.exp_annotations or {}),
            )
            for e in one.exp_alerts
        ]
        got = [(label_sets.of(labels), label_sets.of(notes)) for labels, notes in self._trial.firing(one.alertname)]
        if sorted(wanted) == sorted(got):
            return []
        where = f"alertname {one.alertname}, time {one.eval_time:g}s"
        return [f"{where}: expected {_alerts(wanted)}, got {_alerts(got)}"]

    def _asked(self, one: QueryCase) -> list[str]:
        where = f"expr {one.expr!r}, time {one.eval_time:g}s"
        try:
            got = {point.labels: point.value for point in self._ask(one.expr, one.eval_time)}
        except BadQuery as error:
            return [f"{where}: {error}"]
        wanted = {_series(sample.labels): sample.value for sample in one.exp_samples}
        if wanted.keys() == got.keys() and all(script.is_same(wanted[name], got[name]) for name in wanted):
            return []
        return [f"{where}: expected {_samples(wanted)}, got {_samples(got)}"]


def _loaded(case: Case) -> list[Series]:
    step = round(case.interval * 1000)
    return [one for given in case.input_series for one in script.loaded([f"{given.series} {given.values}"], step)]


def _series(text: str) -> Labels:
    return script.labels_of(text)[0]


def _alerts(some: Sequence[tuple[Labels, Labels]]) -> str:
    shown = (
        f"{label_sets.show(labels)} {dict(notes)}" if notes else label_sets.show(labels)
        for labels, notes in sorted(some)
    )
    return "[" + ", ".join(shown) + "]"


def _samples(some: dict[Labels, Any]) -> str:
    return "[" + ", ".join(f"{label_sets.show(labels)} {value:g}" for labels, value in sorted(some.items())) + "]"
