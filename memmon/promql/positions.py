"""Positions of the calls in an expression's text, for messages."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from memmon.promql import tree

_WORD = re.compile(r"[a-zA-Z_:][\w:]*")
_HIDDEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`|#[^\n]*')
_NO_CALLS = frozenset(
    ("by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "atan2", "bool", "offset")
)
_GROUPING = re.compile(r"\s*(?:by|without)\s*\([^()]*\)", re.IGNORECASE)


class CallPosition(NamedTuple):
    """Where a call begins, and each of its arguments: offsets in the text."""

    start: int
    args: tuple[int, ...]


@lru_cache(maxsize=256)
def of(text: str, root: tree.Node) -> dict[int, CallPosition]:
    """Return the place of each call and aggregation below `root`, by the node's id; nothing where
    text and tree do not fit.
    """
    calls = [node for node in tree.walk(root) if isinstance(node, tree.Call | tree.Aggregation)]
    places = _scan(text)
    if len(calls) != len(places):
        return {}
    return {id(node): place for node, place in zip(calls, places, strict=True)}


def line_and_column(text: str, offset: int) -> str:
    """Return `offset` as line and column, both from 1 on."""
    before = text[:offset]
    return f"({before.count(chr(10)) + 1}:{offset - (before.rfind(chr(10)) + 1) + 1})"


def _scan(text: str) -> list[CallPosition]:
    """Return the calls in the order in which they begin."""
    bare = _HIDDEN.sub(lambda match: match.group()[0] + "_" * (len(match.group()) - 1), text)
    positions = []
    for word in _WORD.finditer(bare):
        after = word.end()
        grouping = _GROUPING.match(bare, after)
        if grouping:
            after = grouping.end()
        opening = re.compile(r"\s*\(").match(bare, after)
        if opening and word.group().lower() not in _NO_CALLS:
            positions.append(CallPosition(word.start(), _args(bare, opening.end())))
    return positions


def _args(bare: str, index: int) -> tuple[int, ...]:
    """Return where the arguments begin that follow an opening parenthesis before `index`."""
    starts, depth, waiting = [], 0, True
    for at in range(index, len(bare)):
        character = bare[at]
        if character.isspace():
            continue
        if depth == 0 and character == ")":
            break
        if waiting:
            starts.append(at)
            waiting = False
        depth += character in "([{"
        depth -= character in ")]}"
        waiting = waiting or (depth == 0 and character == ",")
    return tuple(starts)
