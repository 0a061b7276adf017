"""What Alertmanager's API takes and gives, as its OpenAPI says (`api/v2/openapi.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from flask import request

from memmon import duration, encode
from memmon import labels as label_sets
from memmon.alerts.external import GENERATOR, PostedAlert
from memmon.config.intervals import MONTHS, WEEKDAYS, Interval
from memmon.config.receivers import Receiver
from memmon.config.routes import Route, Routes
from memmon.errors import BadInput
from memmon.promql.matcher import Matcher, all_accept, compiled
from memmon.routing import matcher as matchers
from memmon.routing.alert_status import AlertStatus

MAX_LABELS = 100
MAX_TEXT = 16_384
MAX_NAME = 200


def parse_flag(name: str) -> bool:
    """Return the parameter `name`, which is true where it is missing."""
    flag = request.args.get(name, "true").lower()
    if flag not in ("true", "false", "1", "0"):
        raise BadInput(name, "must be true or false")
    return flag in ("true", "1")


def parse_filters() -> tuple[Matcher, ...]:
    """Return the matchers of all `filter`."""
    return tuple(matcher_ for text in request.args.getlist("filter") for matcher_ in matchers.parse(text, "filter"))


def filter_alerts(
    statuses: list[AlertStatus], receivers: Mapping[str, Receiver], flags: tuple[str, ...]
) -> list[AlertStatus]:
    """Return the alerts that match the request's parameters besides `filter`; `flags` names the
    allowed ones.
    """
    on = {name: parse_flag(name) for name in flags}
    receiver = request.args.get("receiver")
    pattern = compiled(receiver) if receiver else None
    owners = tuple(m for t in request.args.getlist("receiver_matchers") for m in matchers.parse(t, "receiver_matchers"))
    return [
        alert_status_
        for alert_status_ in statuses
        if (pattern is None or any(pattern.search(node.receiver) for node in alert_status_.nodes))
        and (not owners or any(receiver_matches(owners, receivers.get(node.receiver)) for node in alert_status_.nodes))
        and (on.get("active", True) or alert_status_.muted)
        and (on.get("silenced", True) or not alert_status_.silenced_by)
        and (on.get("inhibited", True) or not alert_status_.inhibited_by)
        and (on.get("muted", True) or not alert_status_.muted_by)
    ]


def receiver_matches(matchers: tuple[Matcher, ...], receiver: Receiver | None) -> bool:
    """Return True if a receiver's labels match; its name is one of them."""
    return receiver is not None and all_accept(matchers, label_sets.of({**receiver.labels, "name": receiver.name}))


def serialize_alert(alert_status_: AlertStatus, ends_at: float) -> dict[str, Any]:
    """Return a firing alert, which ends at `ends_at` unless it is seen again."""
    annotations = dict(alert_status_.alert["annotations"])
    source = annotations.pop(GENERATOR, "")
    return {
        "annotations": annotations,
        "endsAt": encode.iso(ends_at),
        "fingerprint": alert_status_.alert["fingerprint"],
        "generatorURL": source,
        "labels": alert_status_.alert["labels"],
        "receivers": [{"name": name} for name in dict.fromkeys(node.receiver for node in alert_status_.nodes)],
        "startsAt": alert_status_.alert["created_at"],
        "status": {
            "inhibitedBy": alert_status_.inhibited_by,
            "mutedBy": alert_status_.muted_by,
            "silencedBy": alert_status_.silenced_by,
            "state": "suppressed" if alert_status_.muted else "active",
        },
        "updatedAt": alert_status_.alert["updated_at"],
    }


def posted_alert(index: int, document: Any, now: float, life: float) -> PostedAlert:
    """Return the alert that was posted as number `index`; without an end it lives `life` seconds
    from now.
    """
    where = f"[{index}]"
    if not isinstance(document, dict):
        raise BadInput(where, "must be an object")
    labels = label_sets.of(_texts(document.get("labels"), f"{where}.labels"))
    if not labels:
        raise BadInput(f"{where}.labels", "at least one label pair is required")
    annotations = _texts({} if document.get("annotations") is None else document["annotations"], f"{where}.annotations")
    source = document.get("generatorURL") or ""
    if source:
        annotations[GENERATOR] = parse_text(source, f"{where}.generatorURL")
    end = parse_time(document.get("endsAt"), f"{where}.endsAt")
    start = parse_time(document.get("startsAt"), f"{where}.startsAt")
    begun = start if start is not None else (now if end is None else end)
    if end is not None and end < begun:
        raise BadInput(f"{where}.startsAt", "start time must be before end time")
    return PostedAlert(labels, annotations, begun, now + life if end is None else end, end is not None)


def _texts(value: Any, field: str) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_LABELS:
        raise BadInput(field, f"must be an object of at most {MAX_LABELS} texts")
    for name, item in value.items():
        parse_label_name(name, field)
        parse_text(item, f"{field}.{name}")
    return dict(value)


def parse_label_name(name: str, field: str) -> str:
    """Return `name` when Alertmanager takes it as a label's: any text, since its version 0.27."""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadInput(field, f"{name[:MAX_NAME]!r} is not a label name")
    return name


def parse_text(value: Any, field: str, longest: int = MAX_TEXT) -> str:
    """Return `value`, which is text that can be kept."""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise BadInput(field, f"must be text of at most {longest} characters")
    return value


def parse_time(value: Any, field: str) -> float | None:
    """Return the Unix seconds of an RFC 3339 time, None for a missing one or Go's zero time."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0001-01-01T")):
        return None
    try:
        if not isinstance(value, str) or "T" not in value.upper():
            raise ValueError
        return encode.seconds_of(value.upper())
    except (ValueError, OverflowError):
        raise BadInput(field, "must be a time like 2026-01-01T12:00:00Z") from None


def parse_matchers(value: Any) -> list[Matcher]:
    """Return the matchers of a silence that was posted."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_LABELS:
        raise BadInput("matchers", f"must be a list of 1 to {MAX_LABELS}")
    matchers_ = []
    for index, item in enumerate(value):
        field = f"matchers[{index}]"
        if not isinstance(item, dict):
            raise BadInput(field, "must be an object with name, value and isRegex")
        name = parse_label_name(parse_text(item.get("name"), f"{field}.name", MAX_NAME), f"{field}.name")
        matchers_.append(
            matchers.checked(name, matchers.op_of(item), parse_text(item.get("value"), f"{field}.value"), field)
        )
    return matchers_


def silence_matches(silence: dict[str, Any], filters: tuple[Matcher, ...]) -> bool:
    """Tell whether a silence has every one of the matchers `filters`, in name, operator and
    value.
    """
    silence_matchers = {(m["name"], matchers.op_of(m), m["value"]) for m in silence["matchers"]}
    return all(tuple(matcher_) in silence_matchers for matcher_ in filters)


STATE_ORDER = {"active": 0, "pending": 1, "expired": 2}


def silence_sort_key(silence: dict[str, Any]) -> tuple[int, float]:
    """Return where a silence stands: active by end, pending by start, expired with the last one
    first.
    """
    state = silence["status"]["state"]
    at = encode.seconds_of(silence["startsAt" if state == "pending" else "endsAt"])
    return STATE_ORDER[state], -at if state == "expired" else at


def dump_config(routes: Routes) -> str:
    """Return routes, receivers, inhibition and time intervals as YAML. What a receiver consists of
    is left out: it may be secret.
    """
    rules = [rule.model_dump(mode="json", exclude_defaults=True) for rule in routes.inhibit_rules]
    intervals = [
        {"name": interval.name, "time_intervals": [_interval(part) for part in interval.time_intervals]}
        for interval in routes.intervals.values()
    ]
    config = {
        "route": _route(routes.route),
        "receivers": [{"name": receiver.name} for receiver in routes.receivers],
        "inhibit_rules": rules,
        "time_intervals": intervals,
    }
    return str(yaml.safe_dump({name: value for name, value in config.items() if value}, sort_keys=False))


def _interval(interval: Interval) -> dict[str, Any]:
    def clock(minute: int) -> str:
        return f"{minute // 60:02d}:{minute % 60:02d}"

    named = {"weekdays": WEEKDAYS, "months": ("", *MONTHS)}
    fields: dict[str, Any] = {
        "times": [{"start_time": clock(t.start_time), "end_time": clock(t.end_time)} for t in interval.times]
    }
    for field in ("weekdays", "days_of_month", "months", "years"):
        words = named.get(field)
        ends = [(words[a], words[b]) if words else (a, b) for a, b in getattr(interval, field)]
        fields[field] = [f"{a}:{b}" for a, b in ends]
    fields["location"] = interval.location if interval.location != "UTC" else None
    return {name: value for name, value in fields.items() if value}


def _route(route: Route) -> dict[str, Any]:
    fields = route.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"routes"})
    for name in ("group_wait", "group_interval", "repeat_interval"):
        if name in fields:
            fields[name] = duration.show(fields[name])
    return {**fields, "routes": [_route(child) for child in route.routes]} if route.routes else fields
