"""Every failure as JSON: `{"error": code, "message": text}`; never a traceback."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response
from simple_websocket import ConnectionError
from werkzeug.exceptions import HTTPException
from werkzeug.routing.exceptions import WebsocketMismatch
from wsproto.utilities import RemoteProtocolError

from memmon.db import engine
from memmon.errors import BadInput, BadQuery, Conflict, MemmonError, NotFound, Refused, Transient
from memmon.state import client
from web import http

log = logging.getLogger(__name__)

RETRY_AFTER = "5"
"""Seconds after which a caller may ask again when a part was away."""

STATUS_BY_ERROR: dict[type[MemmonError], tuple[int, str]] = {
    BadInput: (400, "bad_input"),
    BadQuery: (400, "bad_query"),
    NotFound: (404, "not_found"),
    Conflict: (409, "conflict"),
    Refused: (422, "refused"),
    Transient: (503, "unavailable"),
}

ERROR_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


class Unauthorized(MemmonError):
    """Nobody known calls."""


class Forbidden(MemmonError):
    """The caller is known, and may not do this."""


class TooManyAttempts(MemmonError):
    """The caller tried too often; `retry_after` is the number of seconds until another attempt is
    accepted.
    """

    def __init__(self, message: str, retry_after: float):
        super().__init__(message)
        self.retry_after = max(1, round(retry_after))


def register(app: Flask) -> None:
    """Let `app` answer failures as JSON."""
    app.register_error_handler(MemmonError, _ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(client.RedisError, _away)
    app.register_error_handler(engine.DatabaseError, _away)
    app.register_error_handler(RemoteProtocolError, _no_websocket)
    app.register_error_handler(ConnectionError, _no_websocket)
    app.register_error_handler(Exception, _unforeseen)


def error_response(status: int, code: str, message: str, **fields: Any) -> Response:
    """Return the answer that says what went wrong."""
    return http.json_response({"error": code, "message": message, **fields}, status)


def http_status(error: MemmonError) -> int:
    """Return the status that answers a failure."""
    statuses = {
        Unauthorized: 401,
        Forbidden: 403,
        TooManyAttempts: 429,
        **{kind: status for kind, (status, _) in STATUS_BY_ERROR.items()},
    }
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)


def _ours(error: MemmonError) -> Response:
    if isinstance(error, Unauthorized):
        response = error_response(401, "unauthorized", str(error))
        response.headers["WWW-Authenticate"] = 'Bearer realm="memmon"'
        return response
    if isinstance(error, Forbidden):
        return error_response(403, "forbidden", str(error))
    if isinstance(error, TooManyAttempts):
        response = error_response(429, "too_many_attempts", str(error))
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    if isinstance(error, BadInput):
        return error_response(400, "bad_input", str(error), field=error.field)
    if isinstance(error, BadQuery) and error.kind != "bad_data":
        return _later(str(error))  # It took too long, or too much; a smaller one may pass.
    status, code = next(
        (status_and_code for kind, status_and_code in STATUS_BY_ERROR.items() if isinstance(error, kind)),
        (500, "failed"),
    )
    return _later(str(error)) if status == 503 else error_response(status, code, str(error))


def _later(message: str) -> Response:
    response = error_response(503, "unavailable", message)
    response.headers["Retry-After"] = RETRY_AFTER
    return response


def _away(error: Exception) -> Response:
    """Redis or SQL, where no edge has made a Transient of it."""
    log.error("a request failed: %s", error, exc_info=error)
    return _later("redis" if isinstance(error, client.RedisError) else "the database gave an error")


def _no_websocket(error: Exception) -> Response:
    return error_response(400, "bad_request", f"no WebSocket could be opened: {error}")


def _of_http(error: HTTPException) -> Response:
    code = error.code or 500
    if isinstance(error, WebsocketMismatch):
        return error_response(400, "bad_request", "/ws is a WebSocket, other paths are not")
    response = error_response(
        code, ERROR_CODES.get(code, error.name.lower().replace(" ", "_")), error.description or error.name
    )
    for name, value in error.get_headers():
        if name in ("Allow", "Location", "Retry-After"):
            response.headers[name] = value
    return response


def _unforeseen(error: Exception) -> Response:
    """The caller learns that it failed; what and where is in the log."""
    log.error("a request failed: %r", error, exc_info=error)
    return error_response(500, "internal", "an error of memmon's own; the log has more")
