"""Pure: the functions that Go's templates bring themselves. `and` and `or` are the evaluator's:
they do not ask all arguments.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from memmon.gotemplate import strings
from memmon.gotemplate.values import is_true


class Misused(Exception):
    """A function received an unsupported argument."""


def _kind(value: Any) -> str:
    for kind, types in (("bool", bool), ("int", int), ("float", float), ("string", str)):
        if isinstance(value, types):
            return kind
    return "other"


def _equal(left: Any, other: Any) -> bool:
    if left is None or other is None:
        return left is other
    if _kind(left) != _kind(other):
        raise Misused("incompatible types for comparison")
    return bool(left == other)


def _eq(first: Any, *candidates: Any) -> bool:
    if not candidates:
        raise Misused("missing argument for comparison")
    return any(_equal(first, other) for other in candidates)


def _less(left: Any, other: Any) -> bool:
    if _kind(left) != _kind(other) or _kind(left) in ("bool", "other"):
        raise Misused("incompatible types for comparison")
    return bool(left < other)


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Sequence | Mapping):
        return len(value)
    raise Misused(f"len of {strings.show(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key, "")
        elif isinstance(value, Sequence) and isinstance(key, int) and not isinstance(key, bool):
            if not 0 <= key < len(value):
                raise Misused(f"index out of range: {key}")
            value = value.encode()[key] if isinstance(value, str) else value[key]
        else:
            raise Misused(f"can't index {strings.show(value)} with {strings.show(key)}")
    return value


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, str | Sequence) or not all(isinstance(bound, int) for bound in bounds) or len(bounds) > 2:
        raise Misused(f"can't slice {strings.show(value)}")
    start, end = (list(bounds) + [0, len(value)][len(bounds) :])[:2]
    if not 0 <= start <= end <= len(value):
        raise Misused(f"slice out of range: {start}:{end}")
    return value[start:end]


def _printf(form: Any, *values: Any) -> str:
    if not isinstance(form, str):
        raise Misused("printf wants a string first")
    return strings.sprintf(form, values)


def _js(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)[1:-1].replace("'", "\\'")
    for character in "<>&=":
        escaped = escaped.replace(character, f"\\u{ord(character):04X}")
    return escaped


BUILT_IN: dict[str, Callable[..., Any]] = {
    "not": lambda value: not is_true(value),
    "and": lambda *values: next((value for value in values if not is_true(value)), values[-1]),
    "or": lambda *values: next((value for value in values if is_true(value)), values[-1]),
    "eq": _eq,
    "ne": lambda left, other: not _equal(left, other),
    "lt": _less,
    "le": lambda left, other: _less(left, other) or _equal(left, other),
    "gt": lambda left, other: not (_less(left, other) or _equal(left, other)),
    "ge": lambda left, other: not _less(left, other),
    "len": _len,
    "index": _index,
    "slice": _slice,
    "print": lambda *values: strings.sprint(values),
    "println": lambda *values: " ".join(strings.show(value) for value in values) + "\n",
    "printf": _printf,
    "html": lambda *values: html.escape(strings.sprint(values)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "js": lambda *values: _js(strings.sprint(values)),
    "urlquery": lambda *values: quote_plus(strings.sprint(values)),
}
