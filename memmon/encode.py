"""The one JSON form: ISO 8601 times with zone, no NaN, keys as they come."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=16384)
def iso(seconds: float | None) -> str | None:
    """Return the Unix time `seconds` as ISO 8601 in UTC with milliseconds, or None for None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Return the Unix time that the ISO 8601 `text` names (UTC where it names no zone); ValueError
    otherwise.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def dumps(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON; NaN and infinities become null, since JSON has none."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:  # There is one among it: only then is all of it copied.
        return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return iso(value.timestamp())
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump())
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        return _plain(value.item())  # A numpy scalar.
    return value
