"""Pure: the templates that notifications are made of: memmon's own, with the operator's in their
place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from memmon.config.routes import Routes
from memmon.errors import BadConfig, BadTemplate
from memmon.gotemplate import evaluator, parser
from memmon.gotemplate.alertmanager import ALERTMANAGER, functions
from memmon.gotemplate.nodes import Branch, FunctionCall, Node
from memmon.gotemplate.values import Record

OWN = (Path(__file__).parent.parent / "defaults" / "notify.tmpl").read_text(encoding="utf-8")


class Templates(NamedTuple):
    """Every `define` by its name."""

    defined: dict[str, tuple[Node, ...]]

    def fill(self, text: str, data: Record, now: float) -> str:
        """Return `text` with its actions filled in."""
        if "{{" not in text:
            return text
        return evaluator.execute(_parsed(text), data, functions(now), None, self.defined)

    def check(self, text: str) -> None:
        """Raise BadTemplate for a syntax error or a call of an undefined template."""
        tree = _parsed(text)
        _check_calls(tree.nodes, {**self.defined, **tree.defined})


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:
    return parser.parse(text, ALERTMANAGER)


@lru_cache(maxsize=8)
def of(sources: tuple[tuple[str, str], ...] = ()) -> Templates:
    """Return memmon's templates, replaced by those of `sources` (names and texts of files) with the
    same names.
    """
    defined = dict(_parsed(OWN).defined)
    for name, text in sources:
        try:
            defined |= parser.parse(text, ALERTMANAGER).defined
        except BadTemplate as error:
            raise BadConfig(f"{name}: {error}", "routes", name) from None
    for nodes in defined.values():
        _check_calls(nodes, defined)
    return Templates(defined)


def _check_calls(nodes: Sequence[Node], defined: dict[str, tuple[Node, ...]]) -> None:
    for node in nodes:
        if isinstance(node, FunctionCall) and node.name not in defined:
            raise BadTemplate(f"template {node.name!r} is not defined", node.line)
        if isinstance(node, Branch):
            _check_calls((*node.body, *node.otherwise), defined)


def check(routes: Routes) -> None:
    """Raise BadConfig for a template of a receiver that cannot be read."""
    try:
        templates = of(routes.sources)
    except BadTemplate as error:
        raise BadConfig(str(error), "routes", "templates") from None
    for receiver in routes.receivers:
        for name, value in receiver:
            for config in value if name.endswith("_configs") else ():
                _check_texts(templates, config.model_dump(), receiver.name)


def _check_texts(templates: Templates, value: Any, receiver: str) -> None:
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _check_texts(templates, item, receiver)
    elif isinstance(value, str) and "{{" in value:
        try:
            templates.check(value)
        except BadTemplate as error:
            raise BadConfig(f"receiver {receiver}: {error}", "routes", value) from None
