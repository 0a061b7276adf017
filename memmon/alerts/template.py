"""Annotations and labels of alerts as Prometheus fills them in: $labels, $value, $externalLabels,
$externalURL, and the same as fields of the dot. Source: Prometheus' documentation, "Template
reference".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from memmon import labels as label_sets
from memmon.errors import BadTemplate
from memmon.gotemplate import evaluator, parser
from memmon.gotemplate.nodes import Branch, Dot, FieldChain, Node, Output, Pipe, Template, Variable
from memmon.gotemplate.prometheus import PROMETHEUS
from memmon.gotemplate.values import Record
from memmon.samples import Point

FIELDS = ("Labels", "Value", "ExternalLabels", "ExternalURL")
VARIABLES = ("$labels", "$value", "$externalLabels", "$externalURL")
_NAMES = frozenset(PROMETHEUS) | {"query", "externalURL", "pathPrefix"}

Query = Callable[[str], Sequence[Point]]
"""What `query "expr"` asks: returns the instant vector of an expression."""


class Outside(NamedTuple):
    """What templates see beside the alert: memmon's own address, and a way to ask for more."""

    url: str = ""
    query: Query | None = None


NOWHERE = Outside()


def check(text: str) -> None:
    """Raise BadTemplate, with its line, for a template that cannot be read or names what alerts do
    not have.
    """
    tree = _parsed(text)
    _check(tree.nodes)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Template:
    return parser.parse(text, _NAMES, VARIABLES)


def _check(nodes: Sequence[Node]) -> None:
    """The dot is the alert's outside of `with` and `range`, and there its fields are known."""
    for node in nodes:
        if isinstance(node, Output | Branch):
            _check_pipe(node.pipe)
        if isinstance(node, Branch) and node.kind == "if":
            _check(node.body)
            _check(node.otherwise)


def _check_pipe(pipe: Pipe) -> None:
    for operand in (operand_part for command in pipe.commands for operand_part in command):
        if isinstance(operand, Pipe):
            _check_pipe(operand)
        elif (
            isinstance(operand, FieldChain)
            and operand.base in (Dot(), Variable("$"))
            and operand.fields[0] not in FIELDS
        ):
            raise BadTemplate(
                f".{operand.fields[0]} is not one of {', '.join('.' + name for name in FIELDS)}", pipe.line
            )


def render(text: str, labels: Mapping[str, str], value: float, outside: Outside = NOWHERE) -> str:
    """Return `text` with its actions filled in. One that fails with this alert says so in its own
    place, as Prometheus does: the alert is worth more than its text.
    """
    if "{{" not in text:
        return text
    try:
        return _filled(text, labels, value, outside)
    except BadTemplate as error:
        return f"<error expanding template: {error}>"


def _filled(text: str, labels: Mapping[str, str], value: float, outside: Outside) -> str:
    fields = {"Labels": dict(labels), "Value": value, "ExternalLabels": {}, "ExternalURL": outside.url}
    variables = dict(zip(VARIABLES, fields.values(), strict=True))
    functions: dict[str, Callable[..., Any]] = {
        **PROMETHEUS,
        "query": lambda expr: _rows(outside, expr),
        "externalURL": lambda: outside.url,
        "pathPrefix": lambda: urlsplit(outside.url).path,
    }
    return evaluator.execute(_parsed(text), Record(fields), functions, variables)


def _rows(outside: Outside, expr: Any) -> list[Record]:
    if outside.query is None:
        return []
    return [
        Record(
            {"Labels": dict(point.labels), "Value": point.value},
            text=f"{label_sets.show(point.labels)} => {point.value:g}",
        )
        for point in outside.query(str(expr))
    ]
