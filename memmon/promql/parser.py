"""Keeps from the parser what would hurt the process: it recurses without a limit and is quadratic
in operators.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import promql_parser

from memmon.errors import BadQuery
from memmon.promql import features, tree
from memmon.promql.literals import HIDDEN, Literals
from memmon.promql.matcher import Matcher

T = TypeVar("T")

MAX_LENGTH = 10_000
MAX_NESTING = 50
MAX_TOKENS = 2_000
MAX_AT = 1e11
"""Seconds that a time after @ may be away from 1970: three thousand years."""

_AT = re.compile(r"@\s*([-+])?\s*(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)(?![\w.])", re.IGNORECASE)
_NEGATIVE_AT = re.compile(r"@\s*-")
_TOKEN = re.compile(r"\w+|[^\w\s]")


@lru_cache(maxsize=1024)
def parse(text: str) -> tree.Node:
    """Return the tree of `text`; raise BadQuery with the reason otherwise."""
    literals = check(text)
    bare = _AT.sub(_later, literals.bare)
    return _careful(lambda: tree.of(promql_parser.parse(bare), tree.Reading(literals.restored)), literals)


def selector(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of `text`, which is a selector like `up{job="x"}` and nothing more."""
    node = parse(text)
    if not isinstance(node, tree.Selector) or node.offset or node.at is not None:
        raise BadQuery(f'parse error: {text!r} is not a selector like up{{job="x"}}')
    return node.matchers


def pretty(text: str) -> str:
    """Return `text` in Prometheus' format; raise BadQuery for an invalid expression."""
    literals = check(text)
    if _NEGATIVE_AT.search(literals.bare):
        raise BadQuery("an expression with a negative time after @ cannot be laid out")
    return literals.restore(_careful(lambda: str(promql_parser.parse(literals.bare).prettify()), literals))


def _later(match: re.Match[str]) -> str:
    """Return an `@` that the parser can read: it knows no negative times, so that they are far in
    the future to it.
    """
    sign, timestamp = match.groups()
    at = float(timestamp)
    if at > MAX_AT:
        raise BadQuery(f"parse error: timestamp out of bounds for @ modifier: {timestamp}")
    return f"@ {tree.NEGATIVE_FROM + at:.3f}" if sign == "-" else f"@ {timestamp}"


def _careful(work: Callable[[], T], literals: Literals) -> T:
    """Apply `work` to an expression. The parser validates some numbers only when the tree is
    read.
    """
    try:
        return work()
    except (ValueError, OverflowError) as error:
        features.refuse_modifiers(literals.bare)
        raise BadQuery(f"parse error: {literals.restore(str(error))}") from None
    except BaseException as error:
        # A panic in the parser is not an Exception; it must fail the query and not the process.
        if type(error).__name__ != "PanicException":
            raise
        raise BadQuery("parse error: the parser does not understand this expression") from None


def check(text: str) -> Literals:
    """Raise BadQuery for an expression that is too long, too deep, unsupported or known to break
    the parser.

    Return it with its texts apart.
    """
    if not text.strip():
        raise BadQuery("parse error: no expression found in input")
    if len(text) > MAX_LENGTH:
        raise BadQuery(f"parse error: expression longer than {MAX_LENGTH} characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadQuery("parse error: the expression is not UTF-8")
    bare = HIDDEN.sub(lambda match: " " if match.group().startswith("#") else '""', text)
    if len(_TOKEN.findall(bare)) > MAX_TOKENS:
        raise BadQuery(f"parse error: expression with more than {MAX_TOKENS} tokens")
    depth = deepest = run = 0
    for character in bare:
        depth += character in "([{"
        depth -= character in ")]}"
        run = run + 1 if character in "+-" else (run if character.isspace() else 0)
        deepest = max(deepest, depth, run)
    if deepest > MAX_NESTING:
        raise BadQuery(f"parse error: expression nested deeper than {MAX_NESTING}")
    features.refuse(bare)
    return Literals(text)
