"""The control endpoint `/-/memmon/...`, through which memmon restricts, clears caches and asks for
evidence.
"""

from __future__ import annotations

import hmac
import json
from typing import Any, NamedTuple
from urllib.parse import unquote

from memmon.client import evidence, observers
from memmon.client.components import PARTS, HostComponents, Unfit
from memmon.client.evidence import Recorder
from memmon.client.restrictions import Invalid, Restrictions

BASE = "/-/memmon/"
MAX_BODY = 4 << 20


class ControlAnswer(NamedTuple):
    """What to send back; the body is JSON."""

    status: int
    body: dict[str, Any]

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return json.dumps(self.body).encode()


RESTRICTIONS = Restrictions()
RECORDER = Recorder()
"""Those of this process: middleware and exposed page share them."""


class ControlEndpoint:
    """Answers requests to the control endpoint; without a token it answers nobody."""

    def __init__(
        self, token: str | None, restrictions: Restrictions = RESTRICTIONS, components: HostComponents = PARTS
    ):
        self._token = token or ""
        self._restrictions = restrictions
        self._parts = components

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> ControlAnswer:
        """Return the answer to one request; `path` begins with BASE."""
        if not self._token:
            return ControlAnswer(404, {"error": "not_found", "message": "the control endpoint is off: it has no token"})
        if not self.allows(authorization):
            return ControlAnswer(
                401, {"error": "unauthorized", "message": "the control endpoint needs memmon's client token"}
            )
        action = path.removeprefix(BASE).strip("/")
        endpoints = {
            ("GET", "restrictions"): self._show,
            ("PUT", "restrictions"): lambda: self._restrict(body),
            ("POST", "cache/clear"): lambda: ControlAnswer(200, {"cleared": observers.clear_caches()}),
            ("GET", "evidence"): self._evidence,
            ("GET", "memory"): self._memory,
        }
        if action.startswith("parts/"):
            return self._part(method, unquote(action.removeprefix("parts/")), body)
        if (method, action) in endpoints:
            return endpoints[method, action]()
        if action in {name for _, name in endpoints}:
            return ControlAnswer(405, {"error": "method_not_allowed", "message": f"{action} does not take {method}"})
        return ControlAnswer(404, {"error": "not_found", "message": f"no {action[:100]} here"})

    def allows(self, authorization: str) -> bool:
        """Tell whether the Authorization header holds the token."""
        scheme, _, token = authorization.partition(" ")
        same = hmac.compare_digest(token.strip().encode(), self._token.encode())
        return bool(self._token) and scheme.lower() == "bearer" and same

    def _show(self) -> ControlAnswer:
        return ControlAnswer(200, self._restrictions.to_json())

    def _restrict(self, body: bytes) -> ControlAnswer:
        if len(body) > MAX_BODY:
            return ControlAnswer(413, {"error": "too_large", "message": f"more than {MAX_BODY} bytes"})
        try:
            state = json.loads(body)
        except (ValueError, RecursionError) as error:
            return ControlAnswer(400, {"error": "bad_input", "field": "body", "message": f"body: not JSON: {error}"})
        if any(state.values() if isinstance(state, dict) else ()) and not self._restrictions.enforced:
            text = (
                "nothing in this process enforces restrictions: wrap its WSGI application in memmon.client.Middleware"
            )
            return ControlAnswer(409, {"error": "not_enforced", "message": text})
        try:
            self._restrictions.replace(state)
        except Invalid as error:
            return ControlAnswer(400, {"error": "bad_input", "field": error.field, "message": str(error)})
        return self._show()

    def _part(self, method: str, name: str, body: bytes) -> ControlAnswer:
        if method not in ("GET", "POST"):
            return ControlAnswer(405, {"error": "method_not_allowed", "message": f"a part does not take {method}"})
        try:
            return ControlAnswer(
                200, self._parts.show(name) if method == "GET" else self._parts.do(name, json.loads(body))
            )
        except Unfit as error:
            return ControlAnswer(error.status, {"error": "unfit", "message": str(error)})
        except (ValueError, RecursionError) as error:
            return ControlAnswer(400, {"error": "bad_input", "field": "body", "message": f"body: not JSON: {error}"})
        # The host's function may raise anything; memmon must receive the failure.
        except Exception as error:  # noqa: BLE001
            return ControlAnswer(500, {"error": "failed", "message": f"{type(error).__name__}: {error}"})

    def _memory(self) -> ControlAnswer:
        return ControlAnswer(200, evidence.memory())

    def _evidence(self) -> ControlAnswer:
        return ControlAnswer(200, evidence.collect(RECORDER, self._restrictions.to_json()))
