"""Request parsing and response building for all views, and the context and the caller."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, NoReturn, TypeVar

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import UnsupportedMediaType

from memmon import duration as durations
from memmon import encode
from memmon.context import Context
from memmon.errors import BadInput
from memmon.security.access import Caller
from memmon.settings import load
from memmon.stack import config_check
from memmon.state import client

View = TypeVar("View", bound=Callable[..., Any])

MIB = 1024 * 1024
MAX_ID = 2**53 - 1
"""What JSON's readers count up to exactly; no database row has a higher number."""


def id_segment(name: str) -> str:
    """Return the URL rule of a path segment that is the id of a row, passed to the view as
    `name`.
    """
    return f"<int(max={MAX_ID}):{name}>"


"""Parts of a path; another one is answered with 404."""

REDIS_TIMEOUT = 2.0
"""A page is no good after ten seconds: a Redis that hangs is soon taken for away."""


class WebContext(Context):
    """A context whose Redis is not waited for as long as a worker waits."""

    @cached_property
    def redis(self) -> client.Redis:
        return client.connect(self.settings.redis_address, REDIS_TIMEOUT)


@cache
def _opened(pid: int) -> Context:
    """One for each process, opened after the fork."""
    return WebContext(load(), load_config=config_check.config)


def context_of(app: Flask) -> Context:
    """Return the context that `app` was made with, or that of this process."""
    ctx: Context | None = app.config["MEMMON_CONTEXT"]
    return ctx or _opened(os.getpid())


def context() -> Context:
    """Return the context of this request."""
    return context_of(current_app)


def caller() -> Caller:
    """Return who calls; `auth` has found out before the view."""
    caller_: Caller = g.caller
    return caller_


def json_response(value: Any, status: int = 200, indent: int | None = None) -> Response:
    """Return `value` as JSON."""
    return Response(encode.dumps(value, indent) + "\n", status, mimetype="application/json")


def text_response(content: str, content_type: str) -> Response:
    """Return `content` as text of a type like `text/markdown; charset=utf-8`."""
    return Response(content, content_type=content_type)


def redirect(path: str) -> Response:
    """Send a browser to a page of memmon's own, which it is to GET."""
    return Response(status=303, headers={"Location": path})


def limit_body_size(size: int) -> Callable[[View], View]:
    """Let a view take bodies of `size` bytes; the others take 1 MiB."""

    def mark(view: View) -> View:
        view.memmon_size = size  # type: ignore[attr-defined]
        return view

    return mark


def current_view() -> Callable[..., Any] | None:
    """Return the view function of this request, or None."""
    return current_app.view_functions.get(request.endpoint) if request.endpoint else None


def json_body() -> Any:
    """Return the JSON body; 415 for another content type, BadInput for invalid JSON."""
    if not request.is_json:
        raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
    try:
        document = json.loads(request.get_data(), parse_constant=_no_number)
        if b"\\u" in request.get_data():
            json.dumps(
                document, ensure_ascii=False
            ).encode()  # Half of a character can be written so, and be kept nowhere.
    except (ValueError, RecursionError) as error:
        raise BadInput("body", f"is no JSON: {error}") from None
    return document


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def json_fields(*names: str) -> dict[str, Any]:
    """Return the JSON object that was sent, which has no other fields than `names`; an empty body
    is an empty object.
    """
    if not request.get_data():
        return {}
    document = json_body()
    if not isinstance(document, dict):
        raise BadInput("body", "must be an object")
    for name in document:
        if name not in names:
            raise BadInput(name, f"is not one of {', '.join(names)}")
    return document


def text_field(fields: Mapping[str, Any], name: str, default: str | None = None, max_length: int = 2000) -> str:
    """Return the text `name` of a body; without a default it must be there and not be empty."""
    value = fields.get(name, default)
    if value is None:
        raise BadInput(name, "is missing")
    if not isinstance(value, str) or len(value) > max_length or "\0" in value:
        raise BadInput(name, f"must be text of at most {max_length} characters")
    if default is None and not value.strip():
        raise BadInput(name, "must not be empty")
    return value


def float_parameter(name: str, default: float, low: float, high: float) -> float:
    """Return the number `name` of the query, between `low` and `high`."""
    text = request.args.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        raise BadInput(name, f"{text!r} is no number") from None
    if not math.isfinite(value) or not low <= value <= high:
        raise BadInput(name, f"must be between {low:g} and {high:g}")
    return value


def int_arg(name: str, default: int | None, minimum: int, maximum: int) -> Any:
    """Return the whole number `name` of the query, between `low` and `high`, or `default`."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19) or not minimum <= int(text) <= maximum:
        raise BadInput(name, f"must be a whole number between {minimum} and {maximum}")
    return int(text)


def choice_arg(name: str, allowed: tuple[str, ...], default: str | None = None) -> str | None:
    """Return the value `name` of the query, which is one of `allowed`."""
    text = request.args.get(name, default)
    if text is not None and text not in allowed:
        raise BadInput(name, f"must be one of {', '.join(allowed)}")
    return text


def request_author() -> tuple[str, str]:
    """Return author and comment of a body; the author defaults to the signed-in user."""
    return author_and_comment(json_fields("by", "comment"))


def author_and_comment(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Return author and comment of a body."""
    by = text_field(fields, "by", "", 64).strip() or caller().name
    return by, text_field(fields, "comment", "")


def duration_field(fields: Mapping[str, Any], name: str, max_seconds: float = 366 * 86400) -> float:
    """Return the seconds of the field `name`, positive and at most `max_seconds`: `1h30m`, or a
    number of seconds.
    """
    value = fields.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        value = durations.parse(text_field(fields, name, max_length=32), name)
    if not 0 < value <= max_seconds:
        raise BadInput(name, f"must be more than nothing and at most {durations.show(max_seconds)}")
    return float(value)


def instance_arg(ctx: Context) -> str | None:
    """Return the `instance` of the query, which is one that is watched."""
    value = request.args.get("instance")
    if value is not None and all(value != target.identity for target in ctx.config.targets.targets):
        raise BadInput("instance", f"{value!r} is not watched")
    return value
