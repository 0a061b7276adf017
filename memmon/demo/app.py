"""The demo's HTTP API, as a WSGI application."""

from __future__ import annotations

import hmac
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from memmon import client
from memmon.client.control_endpoint import ControlEndpoint
from memmon.client.registry import CONTENT_TYPE
from memmon.demo.database import Busy
from memmon.demo.faults import Faults
from memmon.demo.service import Failed, Memories
from memmon.errors import BadInput

log = logging.getLogger(__name__)

USER, PASSWORD = "demo", "demo"
"""The one who can log in. There is nothing behind the login that needs protection."""
FEATURES = {"POST /memories": "store", "GET /memories/search": "search", "POST /classify": "classify"}
EXEMPT = ("/metrics", "/healthz", "/-/faults")
MAX_BODY = 64 << 10
MAX_LIMIT = 100


class WrongToken(Exception):
    """A wrong password or token."""


class RequestTooLarge(Exception):
    """A body above MAX_BODY."""


class DemoRequest(NamedTuple):
    """One request, as the handlers see it."""

    query: Mapping[str, list[str]]
    body: Any
    authorization: str
    environ: dict[str, Any]


class App:
    """Routes requests; every failure is a JSON answer."""

    def __init__(self, memories: Memories, faults: Faults, token: str):
        self._memories = memories
        self._faults = faults
        self._control = ControlEndpoint(token)
        self._routes: dict[tuple[str, str], Callable[[DemoRequest], tuple[int, Any]]] = {
            ("POST", "/memories"): self._store,
            ("GET", "/memories/search"): self._search,
            ("POST", "/classify"): self._classify,
            ("POST", "/login"): self._login,
            ("GET", "/healthz"): lambda _: (200, {"status": "ok"}),
            ("GET", "/-/faults"): self._show_faults,
            ("POST", "/-/faults"): self._switch_fault,
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO") or "/"
        if path == "/metrics" and method == "GET":
            return _send(start_response, 200, CONTENT_TYPE, client.page())
        status, body = self._answer(method, path, environ)
        return _send(start_response, status, "application/json", json.dumps(body).encode())

    def _answer(self, method: str, path: str, environ: dict[str, Any]) -> tuple[int, Any]:
        handler = self._routes.get((method, path))
        if handler is None:
            there = any(route_path == path for _, route_path in self._routes)
            return (
                (405, _error("method_not_allowed", method)) if there else (404, _error("not_found", f"no {path[:100]}"))
            )
        try:
            return handler(_call(environ))
        except BadInput as error:
            return 400, {**_error("bad_input", str(error)), "field": error.field}
        except RequestTooLarge as error:
            return 413, _error("too_large", str(error))
        except WrongToken as error:
            return 401, _error("unauthorized", str(error))
        except Busy as error:
            return 503, _error("busy", str(error))
        except (Failed, sqlite3.Error) as error:
            log.warning("%s %s failed: %s", method, path, error)
            return 500, _error("failed", str(error))

    def _store(self, call: DemoRequest) -> tuple[int, Any]:
        kind = call.body.get("type", "interaction") if isinstance(call.body, dict) else ""
        if not isinstance(kind, str) or not 0 < len(kind) <= 100:
            raise BadInput("type", "must be a text of at most 100 characters")
        stored = self._memories.remember(_text(call.body, "content"), kind)
        return (201 if stored["new"] else 200), stored

    def _search(self, call: DemoRequest) -> tuple[int, Any]:
        query = call.query.get("q", [""])[0]
        if not query.strip():
            raise BadInput("q", "must be the words to look for")
        limit = call.query.get("limit", ["10"])[0]
        if not limit.isdecimal() or len(limit) > 3 or not 1 <= int(limit) <= MAX_LIMIT:
            raise BadInput("limit", f"must be a number from 1 to {MAX_LIMIT}")
        return 200, {"memories": self._memories.recall_cxd(query[:1000], int(limit))}

    def _classify(self, call: DemoRequest) -> tuple[int, Any]:
        return 200, self._memories.classify(_text(call.body, "text"))._asdict()

    def _login(self, call: DemoRequest) -> tuple[int, Any]:
        user, password = _text(call.body, "user"), _text(call.body, "password")
        call.environ["memmon.user"] = user
        if not (_same(user, USER) and _same(password, PASSWORD)):
            raise WrongToken("wrong user or password")
        return 200, {"user": user}

    def _show_faults(self, call: DemoRequest) -> tuple[int, Any]:
        self._need_token(call)
        return 200, self._faults.to_json()

    def _switch_fault(self, call: DemoRequest) -> tuple[int, Any]:
        self._need_token(call)
        return 200, self._faults.switch(call.body)

    def _need_token(self, call: DemoRequest) -> None:
        if not self._control.allows(call.authorization):
            raise WrongToken("needs the client token")


def _call(environ: dict[str, Any]) -> DemoRequest:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return DemoRequest(query, _body(environ), environ.get("HTTP_AUTHORIZATION", ""), environ)


def _body(environ: dict[str, Any]) -> Any:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise BadInput("Content-Length", "must be a number")
    if len(length) > 9 or int(length) > MAX_BODY:
        raise RequestTooLarge(f"more than {MAX_BODY} bytes")
    raw = environ["wsgi.input"].read(int(length)) if int(length) else b""
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError) as error:
        raise BadInput("body", f"not JSON: {error}") from None


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise BadInput(name, "must be a text")
    if value != value.encode("utf-8", "replace").decode():
        raise BadInput(name, "holds half a character")
    return value


def _same(offered: str, right: str) -> bool:
    return hmac.compare_digest(offered.encode("utf-8", "replace"), right.encode())


def _error(code: str, message: str) -> dict[str, str]:
    return {"error": code, "message": message}


def _send(start_response: Callable[..., Any], status: int, kind: str, body: bytes) -> Iterable[bytes]:
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
