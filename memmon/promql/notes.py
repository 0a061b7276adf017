"""What the answer of a query is to be read with. The texts are Prometheus' own, since people and tools look for them.

Source: prometheus/prometheus `util/annotations/annotations.go`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from memmon.promql import places, tree

COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
HELP = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


class Notes:
    """Warnings (the answer may be wrong) and infos (the question may be) of one expression, each text once, in their order."""

    def __init__(self, text: str, root: tree.Node) -> None:
        self._text, self._root = text, root
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    @property
    def warnings(self) -> list[str]:
        """The warnings so far."""
        return list(self._warnings)

    @property
    def infos(self) -> list[str]:
        """The infos so far."""
        return list(self._infos)

    def quantile(self, node: tree.Node, q: float) -> None:
        """Warn of a quantile that is none."""
        if math.isnan(q) or q < 0 or q > 1:
            self._warn(f"quantile value should be between 0 and 1, got {_go(q)}", node, 0)

    def bucket(self, node: tree.Node, name: str, bound: str) -> None:
        """Warn of a bucket without a bound."""
        text = f'bucket label "le" is missing or has a malformed value of "{bound}" for metric name "{name}"'
        self._warn(text, node, 1)

    def sorted_steps(self, node: tree.Node) -> None:
        """Warn of an order that a range query does not keep."""
        self._warn("sort is ineffective for range queries since results are always ordered by labels", node, None)

    def not_monotonic(self, node: tree.Node, name: str) -> None:
        """Tell of buckets that count less than smaller ones."""
        self._inform(
            f'input to histogram_quantile needed to be fixed for monotonicity (see {HELP}) for metric name "{name}"',
            node,
            1,
        )

    def not_counters(self, node: tree.Node, names: Iterable[str]) -> None:
        """Tell of the first metric whose rate is taken and whose name is no counter's."""
        for name in names:
            if name and not name.endswith(COUNTER_SUFFIXES):
                text = f'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "{name}"'
                self._inform(text, node, 0)
                return

    def _warn(self, text: str, node: tree.Node, arg: int | None) -> None:
        self._warnings[f"PromQL warning: {text}{self._place(node, arg)}"] = None

    def _inform(self, text: str, node: tree.Node, arg: int | None) -> None:
        self._infos[f"PromQL info: {text}{self._place(node, arg)}"] = None

    def _place(self, node: tree.Node, arg: int | None) -> str:
        place = places.of(self._text, self._root).get(id(node))
        if place is None or (arg is not None and arg >= len(place.args)):
            return ""
        return f" {places.shown(self._text, place.start if arg is None else place.args[arg])}"


def _go(value: float) -> str:
    """Return `value` as Go's %g has it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
