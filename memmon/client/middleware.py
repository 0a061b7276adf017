"""WSGI middleware: enforces what memmon restricts, counts and times requests, reports what concerns
security.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from memmon.client import address, prefilter, registry
from memmon.client.control_endpoint import BASE, MAX_BODY, RECORDER, RESTRICTIONS, ControlAnswer, ControlEndpoint
from memmon.client.event_queue import Reporter
from memmon.client.restrictions import Denial, Restrictions

STATUSES = {"blocked": 403, "throttled": 429, "disabled": 503}
ONCE_IN = 10.0
"""Seconds in which the rate limit's violations of one address are one event."""
REMEMBERED = 1024

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class Request(NamedTuple):
    """What the middleware knows of a request before the host sees it."""

    method: str
    path: str
    client: str | None
    feature: str | None
    began: float


class Middleware:
    """Wraps a WSGI application.

    `features` maps "METHOD /path" or "/path" (with everything below) to the feature that memmon can
    disable. `exempt` paths are neither throttled nor disabled, so that memmon can still scrape
    them. X-Forwarded-For counts only from `trusted_proxies`. With `report_url` and `ingest_key`
    security events are sent to memmon. The host may set environ["memmon.user"] to the user of a
    login attempt.
    """

    def __init__(
        self,
        app: App,
        *,
        token: str | None = None,
        report_url: str | None = None,
        ingest_key: str | None = None,
        trusted_proxies: Sequence[str] = (),
        features: Mapping[str, str] | None = None,
        exempt: Sequence[str] = ("/metrics",),
        restrictions: Restrictions = RESTRICTIONS,
    ):
        self._app = app
        self._control = ControlEndpoint(token, restrictions)
        self._restrictions = restrictions
        restrictions.enforced = True
        self._proxies = address.networks(trusted_proxies)
        self._features = dict(features or {})
        self._exempt = tuple(exempt)
        self._reporter = Reporter(report_url, ingest_key) if report_url and ingest_key else None
        self._told: OrderedDict[str | None, float] = OrderedDict()
        for reason in STATUSES:
            _refused(reason)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request: memmon's own, a refused one, or the host's."""
        if environ.get("PATH_INFO", "").startswith(BASE):
            return _send(start_response, self._answer_control(environ))
        request = self._look(environ)
        verdict = self._judge(request) if request else None
        if request and verdict:
            self._note_refusal(request, verdict)
            return _send(start_response, _refusal(verdict), _retry(verdict))
        return self._pass_on(environ, start_response, request)

    def _answer_control(self, environ: Environ) -> ControlAnswer:
        try:
            length = min(int(environ.get("CONTENT_LENGTH") or 0), MAX_BODY + 1)
        except ValueError:
            return ControlAnswer(400, {"error": "bad_input", "field": "Content-Length", "message": "is no number"})
        body = environ["wsgi.input"].read(length) if length > 0 else b""
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        return self._control.answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], authorization, body)

    @registry.quietly
    def _look(self, environ: Environ) -> Request:
        method, path = str(environ.get("REQUEST_METHOD", "")), str(environ.get("PATH_INFO", "")) or "/"
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        client = address.of_client(environ.get("REMOTE_ADDR", ""), forwarded, self._proxies)
        return Request(method, path, client, self._feature(method, path), time.perf_counter())

    def _feature(self, method: str, path: str) -> str | None:
        for pattern, feature in self._features.items():
            expected, _, prefix = pattern.rpartition(" ")
            if expected in ("", method) and (path == prefix or path.startswith(prefix.rstrip("/") + "/")):
                return feature
        return None

    @registry.quietly
    def _judge(self, request: Request) -> Denial | None:
        verdict = self._restrictions.blocks(request.client)
        if verdict or request.path in self._exempt:
            return verdict
        return self._restrictions.limits(request.client, request.path, request.feature)

    @registry.quietly
    def _note_refusal(self, request: Request, verdict: Denial) -> None:
        status = STATUSES[verdict.reason]
        _refused(verdict.reason).inc()
        self._count(request, status)
        if verdict.reason == "throttled" and verdict.personal and self._is_news(request.client):
            self._report("rate_limit_exceeded", request, status, message=verdict.message)

    def _is_news(self, client: str | None) -> bool:
        """Tell whether the last rate limit event of this client is a while ago."""
        now = time.monotonic()
        if now - self._told.get(client, -math.inf) < ONCE_IN:
            return False
        self._told[client] = now
        self._told.move_to_end(client)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return True

    def _pass_on(self, environ: Environ, start_response: StartResponse, request: Request | None) -> Iterable[bytes]:
        seen: dict[str, int] = {}

        def start(status: str, headers: Any, *arguments: Any) -> Any:
            seen["status"] = int(status[:3]) if status[:3].isdigit() else 0
            return start_response(status, headers, *arguments)

        try:
            body = self._app(environ, start)
        except Exception as error:
            self._note(environ, request, 500, error)
            raise
        return _Body(body, lambda error: self._note(environ, request, 500 if error else seen.get("status", 0), error))

    @registry.quietly
    def _note(self, environ: Environ, request: Request | None, status: int, error: Exception | None) -> None:
        if request is None:
            return
        self._count(request, status)
        if error or status >= 500:
            text = f"{type(error).__name__}: {error}"[:500] if error else f"status {status}"
            RECORDER.errors.append({"at": time.time(), "path": request.path, "error": text})
        if self._reporter is None:
            return
        if status == 401:
            self._report("auth_failure", request, status, user=environ.get("memmon.user"), agent=_agent(environ))
        params = prefilter.suspicious(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        if params:
            self._report("suspicious_activity", request, status, params=params, agent=_agent(environ))

    def _count(self, request: Request, status: int) -> None:
        seconds = time.perf_counter() - request.began
        registry.counter("memmimic_http_requests_total", "Requests, by status", "status").labels(str(status)).inc()
        about = "Time until a request was answered whole, in seconds"
        registry.histogram("memmimic_http_request_duration_seconds", about).observe(seconds)
        RECORDER.requests.append(
            {
                "at": time.time(),
                "method": request.method,
                "path": request.path[:255],
                "address": request.client,
                "status": status,
                "seconds": round(seconds, 6),
            }
        )

    def _report(
        self,
        event_type: str,
        request: Request,
        status: int,
        user: Any = None,
        agent: str = "",
        params: Mapping[str, str] | None = None,
        message: str = "",
    ) -> None:
        if self._reporter is None:
            return
        event = {
            "event_type": event_type,
            "source_ip": request.client,
            "user": str(user)[:255] if user else None,
            "endpoint": request.path[:255],
            "method": request.method[:16],
            "status": status if 100 <= status <= 599 else None,
            "user_agent": agent or None,
            "params": params,
            "message": message[:2000],
            "timestamp": datetime.now(UTC).isoformat(),
        }
        self._reporter.report({name: value for name, value in event.items() if value})


class _Body:
    """The host's answer, passed on piece by piece; tells when it is whole, and whether it failed on
    the way.
    """

    def __init__(self, body: Iterable[bytes], done: Callable[[Exception | None], None]):
        self._body = body
        self._done = done
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception as error:
            self._error = error
            raise

    def close(self) -> None:
        """Called by the server at the end of each response (PEP 3333)."""
        try:
            close = getattr(self._body, "close", None)
            if close:
                close()
        finally:
            self._done(self._error)


def _agent(environ: Environ) -> str:
    return str(environ.get("HTTP_USER_AGENT", ""))[:255]


def _refusal(verdict: Denial) -> ControlAnswer:
    return ControlAnswer(STATUSES[verdict.reason], {"error": verdict.reason, "message": verdict.message})


def _retry(verdict: Denial) -> list[tuple[str, str]]:
    """Answer a blocked client without a Retry-After."""
    return [] if verdict.reason == "blocked" else [("Retry-After", str(math.ceil(verdict.after)))]


def _send(
    start_response: StartResponse, answer: ControlAnswer, headers: Sequence[tuple[str, str]] = ()
) -> Iterable[bytes]:
    content = answer.content
    common = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", [*common, *headers])
    return [content]


def _refused(reason: str) -> Any:
    about = "Requests that a restriction refused, by reason"
    return registry.counter("memmon_client_requests_refused_total", about, "reason").labels(reason)
