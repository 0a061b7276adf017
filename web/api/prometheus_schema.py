"""What Prometheus' API takes and gives: times, durations, matchers, values. Source: its
`web/api/v1/api.go`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from flask import Response, request

from memmon import duration
from memmon.errors import BadInput, BadQuery
from memmon.labels import Labels
from memmon.promql import numbers, parser
from memmon.promql.exact.values import Ranged, Value
from memmon.promql.matcher import Matcher
from memmon.promql.tree import Kind
from memmon.samples import Point, Series

MAX_SECONDS = 1e11
MAX_SELECTORS = 100
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def text_param(name: str) -> str:
    """Return the parameter `name` of query or form, or nothing."""
    return request.values.get(name, "")


def time_param(name: str, default: float | None = None) -> float:
    """Return the parameter `name` as Unix seconds: a number, or a time of RFC 3339."""
    text = text_param(name)
    if not text and default is not None:
        return default
    try:
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        elif _RFC3339.fullmatch(text):
            seconds = datetime.fromisoformat(text.upper()).timestamp()
        else:
            raise ValueError
        if not abs(seconds) <= MAX_SECONDS:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadInput(name, f'invalid parameter "{name}": cannot parse {text!r} to a valid timestamp') from None
    return round(seconds, 3)


def duration_param(name: str, default: float | None = None) -> float:
    """Return the parameter `name` as seconds: a number, or a duration like 5m."""
    text = text_param(name)
    if not text and default is not None:
        return default
    try:
        value_seconds = float(text) if _NUMBER.fullmatch(text) else duration.parse(text)
        if not abs(value_seconds) <= MAX_SECONDS:
            raise BadInput(name, "too long")
    except BadInput:
        raise BadInput(name, f'invalid parameter "{name}": cannot parse {text!r} to a valid duration') from None
    return value_seconds


def limit_param(name: str = "limit") -> int:
    """Return the whole number `name`; 0, as where it is missing, is no limit."""
    text = text_param(name) or "0"
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise BadInput(name, f'invalid parameter "{name}": {text!r} is not a number from 0 on')
    return int(text)


def selector_params() -> list[tuple[Matcher, ...]]:
    """Return the selectors of all `match[]`."""
    selectors = request.values.getlist("match[]")
    if len(selectors) > MAX_SELECTORS:
        raise BadInput("match[]", f'invalid parameter "match[]": more than {MAX_SELECTORS}')
    try:
        return [parser.selector(text) for text in selectors]
    except BadQuery as error:
        raise BadInput("match[]", f'invalid parameter "match[]": {error}') from None


def success_response(data: Any, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Response:
    """Return the envelope around `data`, whose numbers are text already."""
    messages = {name: list(texts) for name, texts in (("warnings", warnings), ("infos", infos)) if texts}
    return _json({"status": "success", "data": data, **messages}, 200)


def error_response(status: int, kind: str, message: str) -> Response:
    """Return the envelope of an error."""
    return _json({"status": "error", "errorType": kind, "error": message}, status)


def _json(value: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(value, ensure_ascii=False) + "\n", status, mimetype="application/json")


def truncate(items: list[Any], most: int) -> tuple[list[Any], list[str]]:
    """Return the first `most` of `items`, and a warning where that is not all."""
    if not most or len(items) <= most:
        return items, []
    return items[:most], ["results truncated due to limit"]


def serialize_result(kind: Kind, value: Value, at: float) -> dict[str, Any]:
    """Return what a query found as resultType and result."""
    ms = round(at * 1000)
    if isinstance(value, float):
        return {"resultType": kind, "result": _pair(ms, value)}
    if isinstance(value, str):
        return {"resultType": kind, "result": [_stamp(ms), value]}
    if kind == "matrix":
        return serialize_matrix(_of_window(ranged) for ranged in value if isinstance(ranged, Ranged))
    points = [item for item in value if isinstance(item, Point)]
    vector = [{"metric": dict(point.labels), "value": _pair(ms, point.value)} for point in points]
    return {"resultType": kind, "result": vector}


def _of_window(ranged: Ranged) -> Series:
    return Series(ranged.labels, (ranged.window.times * 1000).round().astype(np.int64), ranged.window.values)


def serialize_matrix(rows: Iterable[Series]) -> dict[str, Any]:
    """Return series as resultType and result."""
    return {"resultType": "matrix", "result": [_series(row) for row in rows]}


def _series(row: Series) -> dict[str, Any]:
    pairs = zip(row.times.tolist(), row.values.tolist(), strict=True)
    return {"metric": dict(row.labels), "values": [_pair(at, value) for at, value in pairs]}


def _pair(at: int, value: float) -> list[Any]:
    return [_stamp(at), numbers.short(value)]


def _stamp(ms: int) -> float | int:
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


def serialize_labels(label_sets_: Iterable[Labels]) -> list[dict[str, str]]:
    """Return label sets as objects."""
    return [dict(labels) for labels in label_sets_]
