"""Matchers as alertmanager.yml writes them. Source: Alertmanager's `pkg/labels/parse.go`, the classic syntax."""

from __future__ import annotations

import re

from memmon.config.routes import Route
from memmon.errors import BadInput, BadQuery
from memmon.promql.matcher import Matcher, compiled

_ONE = re.compile(r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}]*?))\s*')
_ESCAPE = re.compile(r'\\(["\\n])')


def parse(text: str, field: str = "matchers") -> tuple[Matcher, ...]:
    """Return the matchers of `a="b"`, or of several inside braces; raise BadInput for anything else."""
    inside = text.strip().removeprefix("{").removesuffix("}")
    found, at = [], 0
    while at < len(inside):
        match = _ONE.match(inside, at)
        if not match or (match.end() < len(inside) and inside[match.end()] != ","):
            raise BadInput(field, f'{text!r} is not a matcher like severity="critical"')
        name, op, quoted, bare = match.groups()
        value = _ESCAPE.sub(lambda e: "\n" if e.group(1) == "n" else e.group(1), quoted) if quoted is not None else bare
        found.append(checked(name, op, value, field))
        at = match.end() + 1
    return tuple(found)


def checked(name: str, op: str, value: str, field: str = "matchers") -> Matcher:
    """Return the matcher; raise BadInput when its regular expression is none."""
    if "~" in op:
        try:
            compiled(value)
        except BadQuery as error:
            raise BadInput(field, str(error)) from None
    return Matcher(name, op, value)


def of_route(route: Route) -> tuple[Matcher, ...]:
    """Return all matchers of a route, in its three spellings."""
    given = [matcher for text in route.matchers for matcher in parse(text)]
    given += [checked(name, "=", value) for name, value in route.match.items()]
    return (*given, *(checked(name, "=~", value) for name, value in route.match_re.items()))
