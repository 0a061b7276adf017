"""Binary operators between instant vectors, and between a vector and a number."""

from __future__ import annotations

from collections.abc import Sequence

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import operators
from memmon.promql.tree import Binary, Grouping
from memmon.samples import Point

_BY_ALL = Grouping(False, ())


def numbers(op: str, a: float, b: float) -> float:
    """Return `a op b` of two scalars; a comparison is 1 or 0."""
    if op in operators.COMPARISON:
        return float(operators.COMPARISON[op](a, b))
    if op not in operators.ARITHMETIC:
        raise BadQuery(f"the operator {op} does not work on scalars")
    return operators.ARITHMETIC[op](a, b)


def with_number(node: Binary, left: list[Point] | float, right: list[Point] | float) -> list[Point]:
    """Return `left op right` where one of them is a scalar."""
    if node.op in operators.SETS:
        raise BadQuery(f"the operator {node.op} needs an instant vector on both sides")
    if isinstance(left, float):
        rows = [(point, left, point.value) for point in right] if isinstance(right, list) else []
    else:
        rows = [(point, point.value, right) for point in left] if isinstance(right, float) else []
    return [combined for point, a, b in rows if (combined := _combine(node, point.labels, point.value, a, b))]


def both(node: Binary, left: list[Point], right: list[Point]) -> list[Point]:
    """Return `left op right` of two vectors, matched by their labels."""
    if node.op in operators.SETS:
        return _set_operation(node, left, right)
    if not left or not right:
        return []  # Before anything of the other side could be found wrong.
    swapped = node.card == "OneToMany"
    many_side, one_side = (right, left) if swapped else (left, right)
    matching = node.matching or _BY_ALL
    ones: dict[Labels, Point] = {}
    for point in one_side:
        key = matching.key(point.labels)
        if key in ones:
            raise many_to_many(key, "left" if swapped else "right", (ones[key].labels, point.labels))
        ones[key] = point
    return _matched(node, many_side, ones, matching, swapped)


def many_to_many(key: Labels, side: str, doubled: tuple[Labels, Labels]) -> BadQuery:
    """Return the error that names two series of one match group on the side that may have only
    one.
    """
    duplicates = ", ".join(sorted(_braced(labels) for labels in doubled))
    return BadQuery(
        f"found duplicate series for the match group {_braced(key)} on the {side} hand-side of the operation: "
        f"[{duplicates}];many-to-many matching not allowed: matching labels must be unique on one side",
        "execution",
    )


def _braced(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{label_sets.escape(value)}"' for name, value in labels) + "}"


def _matched(
    node: Binary, many_side: Sequence[Point], ones: dict[Labels, Point], matching: Grouping, swapped: bool
) -> list[Point]:
    points: list[Point] = []
    matched: set[tuple[Labels, Labels]] = set()
    for point in many_side:
        key = matching.key(point.labels)
        other = ones.get(key)
        if other is None:
            continue
        a, b = (other.value, point.value) if swapped else (point.value, other.value)
        named = nameless(point.labels, a).labels if _drops_name(node) else point.labels
        labels = result_labels(node, named, other.labels)
        match = (key, () if node.card == "OneToOne" else labels)
        if match in matched:
            raise BadQuery(f"multiple matches for labels: {_TOO_MANY[node.card]}", "execution")
        matched.add(match)
        result = _combine(node, labels, a, a, b)
        if result:
            points.append(Point(labels, result.value))
    return points


_TOO_MANY = {
    "OneToOne": "many-to-one matching must be explicit (group_left/group_right)",
    "ManyToOne": "grouping labels must ensure unique matches",
    "OneToMany": "grouping labels must ensure unique matches",
}


def _drops_name(node: Binary) -> bool:
    return node.as_bool or node.op not in operators.COMPARISON


def result_labels(node: Binary, labels: Labels, other: Labels) -> Labels:
    """Return the labels of what comes out of a pair: those of the many side, less or more what the
    matching says.
    """
    if node.card == "OneToOne" and node.matching is not None:
        if node.matching.only:
            return label_sets.only(labels, node.matching.names)
        return label_sets.without(labels, *node.matching.names)
    if node.card != "OneToOne" and node.include:
        labels = label_sets.merge(labels, {name: label_sets.get(other, name) for name in node.include})
    return labels


def _combine(node: Binary, labels: Labels, left_value: float, a: float, b: float) -> Point | None:
    if node.op in operators.COMPARISON:
        holds = operators.COMPARISON[node.op](a, b)
        if node.as_bool:
            return nameless(labels, float(holds))
        return Point(labels, left_value) if holds else None
    return nameless(labels, operators.ARITHMETIC[node.op](a, b))


def _set_operation(node: Binary, left: list[Point], right: list[Point]) -> list[Point]:
    matching = node.matching or _BY_ALL
    keys = {matching.key(point.labels) for point in (left if node.op == "or" else right)}
    if node.op == "or":
        return left + [point for point in right if matching.key(point.labels) not in keys]
    return [point for point in left if (matching.key(point.labels) in keys) == (node.op == "and")]


def nameless(labels: Labels, value: float) -> Point:
    """Return the point without its metric name."""
    return Point(label_sets.without(labels, label_sets.NAME), value)


def refuse_duplicates(points: Sequence[Point]) -> None:
    """Raise BadQuery where two points have the same labels."""
    if len({point.labels for point in points}) != len(points):
        raise BadQuery("vector cannot contain metrics with the same labelset", "execution")
