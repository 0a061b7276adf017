"""Keeps from the parser what would hurt the process: it recurses without a limit and is quadratic in operators."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import promql_parser

from memmon.errors import BadQuery

MAX_LENGTH = 10_000
MAX_NESTING = 50
MAX_TOKENS = 2_000

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`', re.DOTALL)
_COMMENT = re.compile(r"#[^\n]*")
_NEGATIVE_AT = re.compile(r"@\s*-")
_TOKEN = re.compile(r"\w+|[^\w\s]")


@lru_cache(maxsize=1024)
def parse(text: str) -> Any:
    """Return promql-parser's tree of `text`; raise BadQuery with the reason otherwise."""
    check(text)
    try:
        return promql_parser.parse(text)
    except ValueError as error:
        raise BadQuery(f"parse error: {error}") from None


def check(text: str) -> None:
    """Raise BadQuery for an expression that is too long, too deep or known to break the parser."""
    if not text.strip():
        raise BadQuery("parse error: no expression found in input")
    if len(text) > MAX_LENGTH:
        raise BadQuery(f"expression longer than {MAX_LENGTH} characters")
    bare = _COMMENT.sub("", _STRING.sub('""', text))
    if _NEGATIVE_AT.search(bare):
        raise BadQuery("a negative time after @ is not supported")
    if len(_TOKEN.findall(bare)) > MAX_TOKENS:
        raise BadQuery(f"expression with more than {MAX_TOKENS} tokens")
    depth = deepest = run = 0
    for character in bare:
        depth += character in "([{"
        depth -= character in ")]}"
        run = run + 1 if character in "+-" else (run if character.isspace() else 0)
        deepest = max(deepest, depth, run)
    if deepest > MAX_NESTING:
        raise BadQuery(f"expression nested deeper than {MAX_NESTING}")
