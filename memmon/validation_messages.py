"""Pure: validation errors in terms of the configuration instead of the validating library."""

from __future__ import annotations

from typing import Any

URL = r"^https?://[^\s/]+"
EMAIL = r"^[^@\s]+@[^@\s]+$"
LEVEL = r"^(DEBUG|INFO|WARNING|ERROR)$"
_PATTERNS = {
    URL: "an address like https://host/path",
    EMAIL: "an e-mail address like ops@example.org",
    LEVEL: "DEBUG, INFO, WARNING or ERROR",
}
_BOUNDS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))
_KINDS = {"int_": "a whole number", "float_": "a number", "bool_": "true or false"}


def of(problem: Any) -> str:
    """Return what one of pydantic's problems says."""
    kind, about = str(problem["type"]), problem.get("ctx", {})
    if kind == "value_error":
        return str(about["error"])
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is no key that memmon knows"
    if kind == "string_pattern_mismatch":
        return f"must be {_PATTERNS.get(about['pattern'], 'text that matches ' + about['pattern'])}"
    if kind in ("too_short", "string_too_short"):
        return f"must be at least {about['min_length']} long"
    for name, words in _BOUNDS:
        if name in about:
            return f"must be {words} {about[name]:g}"
    allowed = next((words for start, words in _KINDS.items() if kind.startswith(start)), None)
    return f"must be {allowed}" if allowed else str(problem["msg"])


def allowed(kind: Any, limits: Any) -> str | None:
    """Return what a number of the type `kind` may be, where `limits` (pydantic's) give both ends of
    it.
    """
    ends = {name: getattr(limit, name) for limit in limits for name in ("ge", "le") if hasattr(limit, name)}
    if len(ends) < 2:
        return None
    noun = "a whole number" if kind is int else "a number"
    return f"must be {noun} between {ends['ge']:g} and {ends['le']:g}"
