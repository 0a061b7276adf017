"""Values of expressions, and the evaluation that functions get their arguments from."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

from memmon.labels import Labels
from memmon.promql import tree
from memmon.promql.annotations import Notes
from memmon.promql.exact.ranges import Window
from memmon.promql.selection import SelectedSeries
from memmon.samples import Point


class Ranged(NamedTuple):
    """One element of a range vector."""

    labels: Labels
    window: Window


Value: TypeAlias = "float | str | list[Point] | list[Ranged]"


class Evaluation(Protocol):
    """Evaluates the arguments of a function call at a time `at` (Unix seconds)."""

    notes: Notes

    @property
    def is_range(self) -> bool:
        """True while evaluating one of several steps, whose results are joined by their labels."""

    def scalar(self, node: tree.Node, at: float) -> float:
        """Return the scalar that `node` is."""

    def text(self, node: tree.Node, at: float) -> str:
        """Return the string that `node` is."""

    def vector(self, node: tree.Node, at: float) -> list[Point]:
        """Return the instant vector that `node` is."""

    def ranged(self, node: tree.Node, at: float) -> list[Ranged]:
        """Return the range vector that `node` is."""

    def newest(self, node: tree.Selector, at: float) -> list[tuple[SelectedSeries, int]]:
        """Return the series of `node` with the index of the sample that counts at `at`."""
