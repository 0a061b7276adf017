"""Restrictions in force: blocked addresses, throttled subjects, disabled features. Each ends at its
`until`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from memmon.client import address

ALL = "*"
"""Every feature: the whole service is kept apart from its callers."""


class Invalid(ValueError):
    """The document that memmon sent is invalid; `field` names the wrong value."""

    def __init__(self, field: str, message: str):
        super().__init__(f"{field}: {message}")
        self.field = field


class Throttle(NamedTuple):
    """At most `per_minute` requests of `subject` (an address or *) to `endpoint` (a path, a feature
    or *).
    """

    subject: str
    until: float
    endpoint: str
    per_minute: float


class State(NamedTuple):
    """The whole of it; `blocked` and `disabled` say until when (Unix seconds); the feature * is all
    of them.
    """

    blocked: Mapping[str, float]
    throttled: tuple[Throttle, ...]
    disabled: Mapping[str, float]


class Denial(NamedTuple):
    """Why a request is refused, how many seconds later it may come again, and whether its sender
    alone is meant.
    """

    reason: str
    message: str
    after: float
    personal: bool = False


class Restrictions:
    """The state in force in this process and the buckets of its throttles."""

    def __init__(self, now: Callable[[], float] = time.time):
        self.now = now
        self.enforced = False
        self._state = State({}, (), {})
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def replace(self, document: Any) -> None:
        """Replace the restrictions in force; raise Invalid and keep the old ones when the document
        is wrong.
        """
        state = parse(document)
        with self._lock:
            self._state = state
            throttled = {(throttle.subject, throttle.endpoint) for throttle in state.throttled}
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if key in throttled}

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return the restrictions in force in the form that `replace` takes."""
        now, state = self.now(), self._state
        return {
            "blocked": [{"address": a, "until": until} for a, until in state.blocked.items() if until > now],
            "throttled": [throttle._asdict() for throttle in state.throttled if throttle.until > now],
            "disabled": [{"feature": f, "until": until} for f, until in state.disabled.items() if until > now],
        }

    def blocks(self, client: str | None) -> Denial | None:
        """Return why nothing of this client is answered, or None."""
        until = self._state.blocked.get(client or "", 0.0)
        left = until - self.now()
        return Denial("blocked", "this address is blocked", left) if left > 0 else None

    def limits(self, client: str | None, path: str, feature: str | None) -> Denial | None:
        """Return why this request is not answered now, or None; a request that is let through
        counts.
        """
        now, state = self.now(), self._state
        left = max(state.disabled.get(feature or "", 0.0), state.disabled.get(ALL, 0.0)) - now
        if left > 0:
            return Denial("disabled", f"{feature or 'this service'} is switched off for now", left)
        for throttle in state.throttled:
            if throttle.until > now and throttle.subject in ("*", client) and _covers(throttle.endpoint, path, feature):
                wait = self._take(throttle, now)
                if wait:
                    text = f"more than {throttle.per_minute:g} requests a minute"
                    return Denial("throttled", text, wait, throttle.subject != "*")
        return None

    def _take(self, throttle: Throttle, now: float) -> float:
        """Take a token of the bucket; return 0, or the seconds until there is one."""
        with self._lock:
            key = (throttle.subject, throttle.endpoint)
            tokens, at = self._buckets.get(key, (burst(throttle.per_minute), now))
            tokens, wait = take(tokens, at, now, throttle.per_minute)
            self._buckets[key] = (tokens, now)
            return wait


def burst(per_minute: float) -> float:
    """Return how many requests may come at once: those of six seconds, at least one."""
    return max(1.0, per_minute / 10)


def take(tokens: float, at: float, now: float, per_minute: float) -> tuple[float, float]:
    """Return the tokens left in a bucket that had `tokens` at `at`, and the seconds to wait: 0 when
    one was taken.
    """
    rate = per_minute / 60
    tokens = min(burst(per_minute), tokens + max(0.0, now - at) * rate)
    if tokens >= 1:
        return tokens - 1, 0.0
    return tokens, (1 - tokens) / rate


def _covers(endpoint: str, path: str, feature: str | None) -> bool:
    return endpoint in ("*", path, feature) or path.startswith(endpoint.rstrip("/") + "/")


def parse(document: Any) -> State:
    """Return the state in `document` (the body of PUT restrictions); raise Invalid with the wrong
    field.
    """
    if not isinstance(document, dict):
        raise Invalid("body", "must be an object")
    for name in document:
        if name not in State._fields:
            raise Invalid(str(name)[:100], "is not known")
    return State(
        {_address(where, entry): _until(where, entry) for where, entry in _items(document, "blocked")},
        tuple(_throttle(where, entry) for where, entry in _items(document, "throttled")),
        {_text(where, entry, "feature"): _until(where, entry) for where, entry in _items(document, "disabled")},
    )


def _items(document: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    items = document.get(name, [])
    if not isinstance(items, list):
        raise Invalid(name, "must be a list")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise Invalid(f"{name}[{index}]", "must be an object")
    return [(f"{name}[{index}]", item) for index, item in enumerate(items)]


def _throttle(where: str, entry: dict[str, Any]) -> Throttle:
    subject = "*" if entry.get("subject") == "*" else _address(where, entry, "subject")
    endpoint = _text(where, {"endpoint": "*", **entry}, "endpoint")
    return Throttle(subject, _until(where, entry), endpoint, _positive(where, entry, "per_minute"))


def _address(where: str, entry: dict[str, Any], name: str = "address") -> str:
    canonical = address.canonical(_text(where, entry, name))
    if canonical is None:
        raise Invalid(f"{where}.{name}", "is not an IP address")
    return canonical


def _text(where: str, entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"{where}.{name}", "must be a text")
    return value


def _until(where: str, entry: dict[str, Any]) -> float:
    return _positive(where, entry, "until")


def _positive(where: str, entry: dict[str, Any], name: str) -> float:
    value = entry.get(name)
    try:
        amount = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:  # An integer of hundreds of digits.
        amount = math.nan
    if not (math.isfinite(amount) and amount > 0):
        raise Invalid(f"{where}.{name}", "must be a number above 0")
    return amount
