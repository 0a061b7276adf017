"""Pure: the values that templates see beside Python's plain ones, and what of all values is
true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any


class Record:
    """A structure: exactly these fields, and methods that may take arguments. `text` is how it is
    written.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        methods: Mapping[str, Callable[..., Any]] | None = None,
        text: str | None = None,
    ):
        self.fields = fields
        self.methods = methods or {}
        self.text = text


class Map(dict[str, Any]):
    """A map that has methods as well."""

    def __init__(self, pairs: Mapping[str, Any], methods: Mapping[str, Callable[..., Any]]):
        super().__init__(pairs)
        self.methods = methods


class QueryRows(list[Any]):
    """A list that has methods as well."""

    def __init__(self, items: list[Any], methods: Mapping[str, Callable[..., Any]]):
        super().__init__(items)
        self.methods = methods


def is_true(value: Any) -> bool:
    """Tell whether a value is true, as Go's templates see it: not the zero of its type."""
    if isinstance(value, Record | datetime):
        return True
    return bool(value)
