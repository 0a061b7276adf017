"""An expression as plain values. Every look at a node of promql-parser copies all that is below it;
these are made once.

Nodes compare by identity, so that results can be cached by node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import promql_parser as syntax

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.promql.matcher import Matcher, compiled

MAX_DEPTH = 150
"""Deeper trees would reach Python's own limit while they are evaluated."""

NEGATIVE_FROM = 200_000_000_000.0
"""Base (s) of negative timestamps: `parser` encodes them as times after it."""

At: TypeAlias = 'float | Literal["start", "end"] | None'
Kind: TypeAlias = Literal["scalar", "string", "vector", "matrix"]
Cardinality: TypeAlias = Literal["OneToOne", "ManyToOne", "OneToMany", "ManyToMany"]

_OPS = {
    str(syntax.MatchOp.Equal): "=",
    str(syntax.MatchOp.NotEqual): "!=",
    str(syntax.MatchOp.Re): "=~",
    str(syntax.MatchOp.NotRe): "!~",
}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Any expression."""


@dataclass(frozen=True, slots=True, eq=False)
class Number(Node):
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Text(Node):
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Negation(Node):
    expr: Node


@dataclass(frozen=True, slots=True, eq=False)
class Selector(Node):
    """`offset` is in seconds; `at` is where `@` fixes the time, None where it does not."""

    matchers: tuple[Matcher, ...]
    offset: float
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Matrix(Node):
    """A selector over the `span` seconds before its time."""

    selector: Selector
    span: float


@dataclass(frozen=True, slots=True, eq=False)
class Subquery(Node):
    expr: Node
    span: float
    step: float | None
    offset: float
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Labels by which series belong together (`by`, `on`), or all but which (`without`,
    `ignoring`).
    """

    only: bool
    names: tuple[str, ...]

    def key(self, labels: label_sets.Labels) -> label_sets.Labels:
        """Return what series that belong together have in common."""
        if self.only:
            return label_sets.only(labels, self.names)
        return label_sets.without(labels, label_sets.NAME, *self.names)


@dataclass(frozen=True, slots=True, eq=False)
class Aggregation(Node):
    op: str
    expr: Node
    param: Node | None
    grouping: Grouping


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Node):
    """Without an `on` or `ignoring` there is no `matching`; `include` are the labels of group_left
    or group_right.
    """

    op: str
    left: Node
    right: Node
    as_bool: bool
    card: Cardinality
    matching: Grouping | None
    include: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    name: str
    args: tuple[Node, ...]


class Reading(NamedTuple):
    """How a tree is read: `restored` gives the text for a token, and `depth` is how deep the node
    is.
    """

    restored: Callable[[str], str]
    depth: int = 0


def of(node: Any, reading: Reading) -> Node:
    """Return promql-parser's `node` as a tree; raise BadQuery for unsupported features."""
    if reading.depth > MAX_DEPTH:
        raise BadQuery(f"parse error: expression nested deeper than {MAX_DEPTH}")
    make = _MAKERS.get(type(node).__name__)
    if make is None:
        raise BadQuery(f"parse error: {type(node).__name__} is not supported")
    return make(node, reading._replace(depth=reading.depth + 1))


def walk(node: Node) -> list[Node]:
    """Return `node` and all below it, in the order in which the text has them."""
    return [node, *(deeper for child in children(node) for deeper in walk(child))]


def kind(node: Node) -> Kind:
    """Return the value type of `node`."""
    match node:
        case Text():
            return "string"
        case Matrix() | Subquery():
            return "matrix"
        case Number():
            return "scalar"
        case Call(name=name) if name in ("time", "pi", "scalar"):
            return "scalar"
        case Negation(expr):
            return kind(expr)
        case Binary(left=left, right=right):
            return "scalar" if kind(left) == kind(right) == "scalar" else "vector"
    return "vector"


def children(node: Node) -> tuple[Node, ...]:
    """Return the children of `node` in the order of the text."""
    match node:
        case Negation(expr) | Subquery(expr=expr):
            return (expr,)
        case Matrix(selector):
            return (selector,)
        case Aggregation(expr=expr, param=param):
            return (param, expr) if param else (expr,)
        case Binary(left=left, right=right):
            return (left, right)
        case Call(args=args):
            return args
    return ()


def _selector(node: Any, reading: Reading) -> Selector:
    if node.matchers.or_matchers:
        raise BadQuery("parse error: `or` between matchers is experimental, which memmon does not support")
    restored = reading.restored
    matchers = [Matcher(restored(m.name), _OPS[str(m.op)], restored(m.value)) for m in node.matchers.matchers]
    if node.name and not any(m.name == label_sets.NAME and m.op == "=" for m in matchers):
        matchers.insert(0, Matcher(label_sets.NAME, "=", restored(node.name)))
    for matcher_ in matchers:
        if "~" in matcher_.op:
            _check_pattern(matcher_.value)
    if all(matcher_.accepts(()) for matcher_ in matchers):
        raise BadQuery("parse error: vector selector must contain at least one non-empty matcher")
    return Selector(tuple(matchers), _seconds(node.offset), _at(node.at))


def _check_pattern(pattern: str) -> None:
    try:
        compiled(pattern)
    except BadQuery as error:
        raise BadQuery(f"parse error: {error}") from None


def _matrix(node: Any, reading: Reading) -> Matrix:
    return Matrix(_selector(node.vector_selector, reading), _positive(_seconds(node.range)))


def _subquery(node: Any, reading: Reading) -> Subquery:
    step = _positive(_seconds(node.step)) if node.step is not None else None
    span = _positive(_seconds(node.range))
    return Subquery(of(node.expr, reading), span, step, _seconds(node.offset), _at(node.at))


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise BadQuery("parse error: duration must be greater than 0")
    return seconds


def _aggregation(node: Any, reading: Reading) -> Aggregation:
    grouping = Grouping(True, ())
    if node.modifier is not None:
        grouping = Grouping(str(node.modifier.type).endswith("By"), _names(node.modifier.labels, reading))
    param = of(node.param, reading) if node.param is not None else None
    return Aggregation(str(node.op), of(node.expr, reading), param, grouping)


def _names(labels: Iterable[str], reading: Reading) -> tuple[str, ...]:
    return tuple(reading.restored(name) for name in labels)


def _binary(node: Any, reading: Reading) -> Binary:
    left, right, modifier = of(node.lhs, reading), of(node.rhs, reading), node.modifier
    if modifier is None:
        return Binary(str(node.op), left, right, False, "OneToOne", None, ())
    matching = None
    if modifier.matching is not None:
        included = str(modifier.matching.type).endswith("Include")
        matching = Grouping(included, _names(modifier.matching.labels, reading))
    card: Any = str(modifier.card).rsplit(".", 1)[-1]
    include = _names(modifier.group_labels or (), reading)
    return Binary(str(node.op), left, right, bool(modifier.return_bool), card, matching, include)


def _call(node: Any, reading: Reading) -> Call:
    return Call(node.func.name, tuple(of(arg, reading) for arg in node.args))


_MAKERS: dict[str, Callable[[Any, Reading], Node]] = {
    "NumberLiteral": lambda node, reading: Number(float(node.val)),
    "StringLiteral": lambda node, reading: Text(reading.restored(str(node.val))),
    "ParenExpr": lambda node, reading: of(node.expr, reading),
    "UnaryExpr": lambda node, reading: Negation(of(node.expr, reading)),
    "VectorSelector": _selector,
    "MatrixSelector": _matrix,
    "SubqueryExpr": _subquery,
    "AggregateExpr": _aggregation,
    "BinaryExpr": _binary,
    "Call": _call,
}


def _seconds(delta: Any) -> float:
    return float(delta.total_seconds()) if delta else 0.0


def _at(modifier: Any) -> At:
    if modifier is None:
        return None
    kind = str(modifier.type).rsplit(".", 1)[-1]
    if kind != "At":
        return "start" if kind == "Start" else "end"
    at = float(modifier.at.timestamp())
    return at if at < NEGATIVE_FROM else round(NEGATIVE_FROM - at, 3)
