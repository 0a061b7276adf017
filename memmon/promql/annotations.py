"""What the answer of a query is to be read with. The texts are Prometheus' own, since people and
tools look for them.

Source: prometheus/prometheus `util/annotations/annotations.go`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from memmon import encode
from memmon.promql import literals, numbers, positions, tree

COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
HELP = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


class Lift(NamedTuple):
    """A correction that made counts monotonic: the bounds between which they were raised, and the
    largest raise.
    """

    low: float
    high: float
    most: float


class MonotonicityWarning(NamedTuple):
    """How often buckets were lifted, how at the most, and between which moments (Unix seconds)."""

    lift: Lift
    times: int
    first: float
    last: float

    def add(self, lift: Lift, at: float) -> MonotonicityWarning:
        """Return it with one more."""
        low, high, most = self.lift
        joined = Lift(min(low, lift.low), max(high, lift.high), max(most, lift.most))
        return MonotonicityWarning(joined, self.times + 1, min(self.first, at), max(self.last, at))

    def __str__(self) -> str:
        low, high = numbers.general(self.lift.low), numbers.general(self.lift.high)
        first, last = (f"{encode.iso(math.floor(at))}".replace(".000Z", "Z") for at in (self.first, self.last))
        most = numbers.general(self.lift.most, 2)
        return f", from buckets {low} to {high}, with a max diff of {most}, over {self.times} samples from {first} to {last}"


class Notes:
    """Warnings (the answer may be wrong) and infos (the question may be) of one expression, each
    text once, sorted: the two evaluators come upon them in different orders.
    """

    def __init__(self, text: str, root: tree.Node) -> None:
        self._text, self._root = text, root
        self._warnings: dict[str, str] = {}
        self._infos: dict[str, str] = {}
        self._lifted: dict[str, MonotonicityWarning] = {}

    @property
    def warnings(self) -> list[str]:
        """The warnings so far."""
        return sorted(self._warnings.values())

    @property
    def infos(self) -> list[str]:
        """The infos so far."""
        return sorted(self._infos.values())

    def quantile(self, node: tree.Node, q: float) -> None:
        """Warn about a quantile outside [0, 1]."""
        if math.isnan(q) or q < 0 or q > 1:
            self._warn(f"quantile value should be between 0 and 1, got {numbers.general(q)}", node, 0)

    def bucket(self, node: tree.Node, name: str, bound: str, arg: int = 1) -> None:
        """Warn of a bucket without a bound; argument `arg` of `node` has it."""
        text = f'bucket label "le" is missing or has a malformed value of {literals.quoted(bound)}{_of(name)}'
        self._warn(text, node, arg)

    def sorted_steps(self, node: tree.Node) -> None:
        """Warn of an order that a range query does not keep."""
        self._warn("sort is ineffective for range queries since results are always ordered by labels", node, None)

    def not_monotonic(self, node: tree.Node, name: str, lift: Lift | None = None, at: float = 0.0) -> None:
        """Tell of buckets that count less than smaller ones; `lift` says which they were at `at`
        (Unix seconds).

        All of one name become one info.
        """
        text = f"input to histogram_quantile needed to be fixed for monotonicity (see {HELP}){_of(name)}"
        if lift is None:
            self._inform(text, node, 1)
            return
        place = self._place(node, 1)
        key = f"PromQL info: {text}{place}"
        lifted = self._lifted.get(key, MonotonicityWarning(lift, 0, at, at))
        self._lifted[key] = lifted_ = lifted.add(lift, at)
        self._infos[key] = f"PromQL info: {text}{lifted_}{place}"

    def not_counters(self, node: tree.Node, names: Iterable[str]) -> None:
        """Tell of metrics whose rate is taken and whose names are no counter's."""
        for name in dict.fromkeys(names):
            if name and not name.endswith(COUNTER_SUFFIXES):
                text = f"metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {literals.quoted(name)}"
                self._inform(text, node, 0)

    def _warn(self, text: str, node: tree.Node, arg: int | None) -> None:
        warning = f"PromQL warning: {text}{self._place(node, arg)}"
        self._warnings[warning] = warning

    def _inform(self, text: str, node: tree.Node, arg: int | None) -> None:
        info = f"PromQL info: {text}{self._place(node, arg)}"
        self._infos[info] = info

    def _place(self, node: tree.Node, arg: int | None) -> str:
        place = positions.of(self._text, self._root).get(id(node))
        if place is None or (arg is not None and arg >= len(place.args)):
            return ""
        return f" {positions.line_and_column(self._text, place.start if arg is None else place.args[arg])}"


def _of(name: str) -> str:
    return f" for metric name {literals.quoted(name)}" if name else ""
