"""Matchers as alertmanager.yml writes them, in the classic syntax, else in that with UTF-8 names
(`matcher_utf8`).

Source: Alertmanager's `pkg/labels/parse.go` and `matcher/compat`: where both can read a text, the
classic one does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from memmon.config.routes import Route
from memmon.errors import BadInput, BadQuery
from memmon.promql.matcher import Matcher, compiled
from memmon.routing import matcher_utf8

_ONE = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.DOTALL)
_SPLIT = re.compile(r'(?:[^",\\]|\\.|\\$|"(?:[^"\\]|\\.)*(?:"|\\?$))+', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\n])')
_BARE = re.compile(r'(?:[^"\\]|\\.|\\$)*', re.DOTALL)
_OPS = ("=", "!=", "=~", "!~")


@lru_cache(maxsize=4096)
def parse(text: str, field: str = "matchers") -> tuple[Matcher, ...]:
    """Return the matchers of `a="b"`, or of several inside braces; raise BadInput for anything
    else.
    """
    try:
        return classic(text, field)
    except BadInput as error:
        try:
            parsed = matcher_utf8.parse(text)
        except ValueError:
            raise error from None
    return tuple(checked(*matcher_text, field) for matcher_text in parsed)


def classic(text: str, field: str = "matchers") -> tuple[Matcher, ...]:
    """Return the matchers of a text in the syntax that knows only names of letters, digits, `_` and
    `:`.
    """
    tokens = _tokens(text.removeprefix("{").removesuffix("}"))
    return tuple(_one(token, text, field) for token in tokens)


def _tokens(text: str) -> list[str]:
    """Return what commas outside of quotes divide; after the last comma nothing need follow."""
    parsed, at = [], 0
    while text[at:].strip():
        match = _SPLIT.match(text, at)
        parsed.append(match.group() if match else "")
        at = (match.end() if match else at) + 1
    return parsed


def _one(token: str, text: str, field: str) -> Matcher:
    match = _ONE.fullmatch(token)
    if not match:
        raise BadInput(field, f'{text!r} is not a matcher like severity="critical"')
    name, op, value = match.groups()
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise BadInput(field, f"{text!r}: a quote is not closed")
        value = value[1:-1]
    if not _BARE.fullmatch(value):
        raise BadInput(field, f"{text!r}: a quote inside a value must be escaped")
    return checked(name, op, _ESCAPE.sub(lambda e: "\n" if e.group(1) == "n" else e.group(1), value), field)


def checked(name: str, op: str, value: str, field: str = "matchers") -> Matcher:
    """Return the matcher; raise BadInput without a name, or for an invalid regular expression."""
    if not name or op not in _OPS:
        raise BadInput(field, f"{name}{op}{value!r} has no name" if not name else f"{op!r} is not an operator")
    if "~" in op:
        try:
            compiled(value)
        except BadQuery as error:
            raise BadInput(field, str(error)) from None
    return Matcher(name, op, value)


def op_of(matcher_json: Mapping[str, Any]) -> str:
    """Return the operator of a matcher as Alertmanager's API writes it, {name, value, isRegex,
    isEqual}; `=` where it says neither.
    """
    return {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}[
        matcher_json.get("isEqual") is not False, matcher_json.get("isRegex") is True
    ]


def to_json(matcher: Matcher) -> dict[str, Any]:
    """Return a matcher as Alertmanager's API writes it."""
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": "~" in matcher.op,
        "isEqual": not matcher.op.startswith("!"),
    }


def of_route(route: Route) -> tuple[Matcher, ...]:
    """Return all matchers of a route, in its three spellings and in Alertmanager's order."""
    matchers_ = [matcher for text in route.matchers for matcher in parse(text)]
    matchers_ += [checked(name, "=", value) for name, value in route.match.items()]
    # Alertmanager writes these anchors down, and so they stand in its group keys.
    matchers_ += [checked(name, "=~", f"^(?:{value})$") for name, value in route.match_re.items()]
    return tuple(sorted(matchers_, key=lambda matcher: (matcher.name, matcher.value, _OPS.index(matcher.op))))
