"""An expression as plain values. Every look at a node of promql-parser copies all that is below it; these are made once.

Nodes compare by identity, so that what was found for one can be kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import promql_parser as syntax

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.promql.matcher import Matcher

MAX_DEPTH = 150
"""Deeper trees would reach Python's own limit while they are evaluated."""

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
    """Labels by which series belong together (`by`, `on`), or all but which (`without`, `ignoring`)."""

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
    """`matching` is None where nothing is said of it; `include` are the labels of group_left or group_right."""

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


def of(node: Any, depth: int = 0) -> Node:
    """Return promql-parser's `node` and all below it; raise BadQuery for what is not supported."""
    if depth > MAX_DEPTH:
        raise BadQuery(f"expression nested deeper than {MAX_DEPTH}")
    make = _MAKERS.get(type(node).__name__)
    if make is None:
        raise BadQuery(f"{type(node).__name__} is not supported")
    return make(node, depth + 1)


def walk(node: Node) -> list[Node]:
    """Return `node` and all below it, in the order in which the text has them."""
    return [node, *(deeper for child in children(node) for deeper in walk(child))]


def kind(node: Node) -> Kind:
    """Return what `node` evaluates to, whatever the data."""
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
    """Return what is right below `node`, in the order in which the text has it."""
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


def _selector(node: Any, depth: int) -> Selector:
    if node.matchers.or_matchers:
        raise BadQuery("`or` between matchers is experimental and not supported")
    found = [Matcher(m.name, _OPS[str(m.op)], m.value) for m in node.matchers.matchers]
    if node.name and not any(m.name == label_sets.NAME and m.op == "=" for m in found):
        found.insert(0, Matcher(label_sets.NAME, "=", node.name))
    return Selector(tuple(found), _seconds(node.offset), _at(node.at))


def _matrix(node: Any, depth: int) -> Matrix:
    return Matrix(_selector(node.vector_selector, depth), _seconds(node.range))


def _subquery(node: Any, depth: int) -> Subquery:
    step = _seconds(node.step) if node.step else None
    return Subquery(of(node.expr, depth), _seconds(node.range), step, _seconds(node.offset), _at(node.at))


def _aggregation(node: Any, depth: int) -> Aggregation:
    grouping = Grouping(True, ())
    if node.modifier is not None:
        grouping = Grouping(str(node.modifier.type).endswith("By"), tuple(node.modifier.labels))
    param = of(node.param, depth) if node.param is not None else None
    return Aggregation(str(node.op), of(node.expr, depth), param, grouping)


def _binary(node: Any, depth: int) -> Binary:
    left, right, modifier = of(node.lhs, depth), of(node.rhs, depth), node.modifier
    if modifier is None:
        return Binary(str(node.op), left, right, False, "OneToOne", None, ())
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise BadQuery("the experimental modifiers fill, fill_left and fill_right are not supported")
    matching = None
    if modifier.matching is not None:
        matching = Grouping(str(modifier.matching.type).endswith("Include"), tuple(modifier.matching.labels))
    card: Any = str(modifier.card).rsplit(".", 1)[-1]
    include = tuple(modifier.group_labels or ())
    return Binary(str(node.op), left, right, bool(modifier.return_bool), card, matching, include)


def _call(node: Any, depth: int) -> Call:
    return Call(node.func.name, tuple(of(arg, depth) for arg in node.args))


_MAKERS: dict[str, Callable[[Any, int], Node]] = {
    "NumberLiteral": lambda node, depth: Number(float(node.val)),
    "StringLiteral": lambda node, depth: Text(str(node.val)),
    "ParenExpr": lambda node, depth: of(node.expr, depth),
    "UnaryExpr": lambda node, depth: Negation(of(node.expr, depth)),
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
    return float(modifier.at.timestamp())
