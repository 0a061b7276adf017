"""What is restricted now: blocked addresses, throttled subjects, disabled features. Each ends by itself at its `until`."""

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
    """What memmon told is not understood; `field` names what is wrong."""

    def __init__(self, field: str, message: str):
        super().__init__(f"{field}: {message}")
        self.field = field


class Throttle(NamedTuple):
    """At most `per_minute` requests of `subject` (an address or *) to `endpoint` (a path, a feature or *)."""

    subject: str
    until: float
    endpoint: str
    per_minute: float


class State(NamedTuple):
    """The whole of it; `blocked` and `disabled` say until when (Unix seconds); the feature * is all of them."""

    blocked: Mapping[str, float]
    throttled: tuple[Throttle, ...]
    disabled: Mapping[str, float]


class Verdict(NamedTuple):
    """Why a request is refused, how many seconds later it may come again, and whether its sender alone is meant."""

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

    def replace(self, given: Any) -> None:
        """Put the desired state in force instead of what was; raises Invalid and keeps the old one when it is wrong."""
        state = parse(given)
        with self._lock:
            self._state = state
            kept = {(one.subject, one.endpoint) for one in state.throttled}
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if key in kept}

    def shown(self) -> dict[str, list[dict[str, Any]]]:
        """Return what is in force, in the form that `replace` takes."""
        now, state = self.now(), self._state
        return {
            "blocked": [{"address": a, "until": until} for a, until in state.blocked.items() if until > now],
            "throttled": [one._asdict() for one in state.throttled if one.until > now],
            "disabled": [{"feature": f, "until": until} for f, until in state.disabled.items() if until > now],
        }

    def blocks(self, client: str | None) -> Verdict | None:
        """Return why nothing of this client is answered, or None."""
        until = self._state.blocked.get(client or "", 0.0)
        left = until - self.now()
        return Verdict("blocked", "this address is blocked", left) if left > 0 else None

    def limits(self, client: str | None, path: str, feature: str | None) -> Verdict | None:
        """Return why this request is not answered now, or None; a request that is let through counts."""
        now, state = self.now(), self._state
        left = max(state.disabled.get(feature or "", 0.0), state.disabled.get(ALL, 0.0)) - now
        if left > 0:
            return Verdict("disabled", f"{feature or 'this service'} is switched off for now", left)
        for one in state.throttled:
            if one.until > now and one.subject in ("*", client) and _covers(one.endpoint, path, feature):
                wait = self._take(one, now)
                if wait:
                    text = f"more than {one.per_minute:g} requests a minute"
                    return Verdict("throttled", text, wait, one.subject != "*")
        return None

    def _take(self, one: Throttle, now: float) -> float:
        """Take a token of the bucket; return 0, or the seconds until there is one."""
        with self._lock:
            key = (one.subject, one.endpoint)
            tokens, at = self._buckets.get(key, (burst(one.per_minute), now))
            tokens, wait = take(tokens, at, now, one.per_minute)
            self._buckets[key] = (tokens, now)
            return wait


def burst(per_minute: float) -> float:
    """Return how many requests may come at once: those of six seconds, at least one."""
    return max(1.0, per_minute / 10)


def take(tokens: float, at: float, now: float, per_minute: float) -> tuple[float, float]:
    """Return the tokens left in a bucket that had `tokens` at `at`, and the seconds to wait: 0 when one was taken."""
    rate = per_minute / 60
    tokens = min(burst(per_minute), tokens + max(0.0, now - at) * rate)
    if tokens >= 1:
        return tokens - 1, 0.0
    return tokens, (1 - tokens) / rate


def _covers(endpoint: str, path: str, feature: str | None) -> bool:
    return endpoint in ("*", path, feature) or path.startswith(endpoint.rstrip("/") + "/")


def parse(given: Any) -> State:
    """Return the state that `given` (the body of PUT restrictions) tells; raises Invalid naming the wrong field."""
    if not isinstance(given, dict):
        raise Invalid("body", "must be an object")
    for name in given:
        if name not in State._fields:
            raise Invalid(str(name)[:100], "is not known")
    return State(
        {_address(where, one): _until(where, one) for where, one in _items(given, "blocked")},
        tuple(_throttle(where, one) for where, one in _items(given, "throttled")),
        {_text(where, one, "feature"): _until(where, one) for where, one in _items(given, "disabled")},
    )


def _items(given: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    items = given.get(name, [])
    if not isinstance(items, list):
        raise Invalid(name, "must be a list")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise Invalid(f"{name}[{index}]", "must be an object")
    return [(f"{name}[{index}]", item) for index, item in enumerate(items)]


def _throttle(where: str, one: dict[str, Any]) -> Throttle:
    subject = "*" if one.get("subject") == "*" else _address(where, one, "subject")
    endpoint = _text(where, {"endpoint": "*", **one}, "endpoint")
    return Throttle(subject, _until(where, one), endpoint, _positive(where, one, "per_minute"))


def _address(where: str, one: dict[str, Any], name: str = "address") -> str:
    found = address.canonical(_text(where, one, name))
    if found is None:
        raise Invalid(f"{where}.{name}", "is not an IP address")
    return found


def _text(where: str, one: dict[str, Any], name: str) -> str:
    value = one.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"{where}.{name}", "must be a text")
    return value


def _until(where: str, one: dict[str, Any]) -> float:
    return _positive(where, one, "until")


def _positive(where: str, one: dict[str, Any], name: str) -> float:
    value = one.get(name)
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:  # An integer of hundreds of digits.
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise Invalid(f"{where}.{name}", "must be a number above 0")
    return number
