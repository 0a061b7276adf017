"""Keeps from the parser what would hurt the process: it recurses without a limit and is quadratic in operators."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import promql_parser

from memmon.errors import BadQuery
from memmon.promql import tree
from memmon.promql.matcher import Matcher

T = TypeVar("T")

MAX_LENGTH = 10_000
MAX_NESTING = 50
MAX_TOKENS = 2_000

# One pattern, so that a quote in a comment opens no string and a # in a string no comment.
_HIDDEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`|#[^\n]*')
_NEGATIVE_AT = re.compile(r"@\s*-")
_EXTENDED = re.compile(r"\b(?:anchored|smoothed)\b")
_COMPUTED = re.compile(r"\[[^\]:]*[-+*/%^(][^\]]*\]|offset\s*-?\s*\(", re.IGNORECASE)
_TOKEN = re.compile(r"\w+|[^\w\s]")


@lru_cache(maxsize=1024)
def parse(text: str) -> tree.Node:
    """Return the tree of `text`; raise BadQuery with the reason otherwise."""
    check(text)
    return _careful(lambda: tree.of(promql_parser.parse(text)), text)


def selector(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of `text`, which is a selector like `up{job="x"}` and nothing more."""
    node = parse(text)
    if not isinstance(node, tree.Selector) or node.offset or node.at is not None:
        raise BadQuery(f'parse error: {text!r} is not a selector like up{{job="x"}}')
    return node.matchers


def pretty(text: str) -> str:
    """Return `text` as Prometheus lays an expression out; raise BadQuery when it is none."""
    check(text)
    return _careful(lambda: str(promql_parser.parse(text).prettify()), text)


def _careful(work: Callable[[], T], text: str) -> T:
    """Return what `work` makes of the expression `text`. The parser reads some numbers only when its tree is looked at."""
    try:
        return work()
    except (ValueError, OverflowError) as error:
        feature = _experiment(text)
        if feature:
            raise BadQuery(f"parse error: {feature} are experimental and not supported") from None
        raise BadQuery(f"parse error: {error}") from None
    except BaseException as error:
        # A panic in the parser is none of Exception's; it must cost its caller an error and not the process.
        if type(error).__name__ != "PanicException":
            raise
        raise BadQuery("parse error: the parser does not understand this expression") from None


def _experiment(text: str) -> str:
    """Return which experimental syntax an expression that cannot be parsed seems to have."""
    bare = _bare(text)
    if _EXTENDED.search(bare):
        return "the modifiers anchored and smoothed"
    return "expressions in the place of a duration" if _COMPUTED.search(bare) else ""


def _bare(text: str) -> str:
    """Return `text` with strings empty and comments blank."""
    return _HIDDEN.sub(lambda found: " " if found.group().startswith("#") else '""', text)


def check(text: str) -> None:
    """Raise BadQuery for an expression that is too long, too deep or known to break the parser."""
    if not text.strip():
        raise BadQuery("parse error: no expression found in input")
    if len(text) > MAX_LENGTH:
        raise BadQuery(f"expression longer than {MAX_LENGTH} characters")
    bare = _bare(text)
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
