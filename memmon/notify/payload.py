"""Pure: a payload as Alertmanager's webhook sends it, version 4, and as its templates see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memmon import encode
from memmon.gotemplate.values import Map, Record, Rows
from memmon.notify.formatting import one_line, runbook

ZERO = "0001-01-01T00:00:00Z"
GENERATOR = "generator_url"


def version4(payload: Mapping[str, Any], max_alerts: int = 0) -> dict[str, Any]:
    """Return the fields of Alertmanager's webhook for the alerts of a payload, of which at most `max_alerts` are shown.

    Source: Alertmanager's documentation, "webhook_config".
    """
    alerts = payload["alerts"][: max_alerts or None]
    return {
        "version": "4",
        "groupKey": payload.get("group_key", ""),
        "truncatedAlerts": len(payload["alerts"]) - len(alerts),
        "status": payload["status"],
        "receiver": payload.get("receiver", ""),
        "groupLabels": payload.get("group_labels", {}),
        "commonLabels": common(alerts, "labels"),
        "commonAnnotations": common([{"annotations": _annotations(one)} for one in alerts], "annotations"),
        "externalURL": payload.get("external_url", ""),
        "alerts": [{**one, **_alert(one, payload.get("external_url", ""))} for one in alerts],
    }


def common(some: Sequence[Mapping[str, Any]], field: str) -> dict[str, str]:
    """Return what all of `some` have in common in their `field`."""
    if not some:
        return {}
    first, *others = (one.get(field) or {} for one in some)
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _annotations(alert: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in (alert.get("annotations") or {}).items() if name != GENERATOR}


def _alert(alert: Mapping[str, Any], base: str) -> dict[str, Any]:
    return {
        "status": alert["status"],
        "labels": alert.get("labels", {}),
        "annotations": _annotations(alert),
        "startsAt": alert.get("created_at") or ZERO,
        "endsAt": alert.get("resolved_at") or ZERO,
        "generatorURL": (alert.get("annotations") or {}).get(GENERATOR) or f"{base}/dashboard",
        "fingerprint": alert.get("fingerprint", ""),
    }


def data(payload: Mapping[str, Any]) -> Record:
    """Return what templates see: Alertmanager's fields, and beside them Names, Runbooks, RouteLabels, Reason and Kind."""
    shown = version4(payload)
    alerts = [_of_alert(one) for one in shown["alerts"]]
    firing = [one for one in alerts if one.fields["Status"] == "firing"]
    resolved = [one for one in alerts if one.fields["Status"] != "firing"]
    base = shown["externalURL"]
    helps = [one["annotations"].get("runbook_url", "") for one in shown["alerts"] if one["status"] == "firing"]
    return Record(
        {
            "Receiver": shown["receiver"],
            "Status": shown["status"],
            "Alerts": Rows(list(alerts), {"Firing": lambda: firing, "Resolved": lambda: resolved}),
            "GroupLabels": pairs(shown["groupLabels"]),
            "CommonLabels": pairs(shown["commonLabels"]),
            "CommonAnnotations": pairs(shown["commonAnnotations"]),
            "ExternalURL": base,
            "RouteLabels": pairs(payload.get("route_labels", {})),
            "Names": sorted({one_line(one.fields["Labels"].get("alertname", "")) for one in firing or resolved}),
            "Runbooks": list(dict.fromkeys(runbook(one_line(one), base) for one in helps if one))[:20],
            "Reason": payload.get("reason", ""),
            "Kind": payload["kind"],
        }
    )


def _of_alert(one: Mapping[str, Any]) -> Record:
    annotations = one["annotations"]
    message = annotations.get("summary") or annotations.get("description") or one["labels"].get("alertname", "")
    return Record(
        {
            "Status": one["status"],
            "Labels": pairs(one["labels"]),
            "Annotations": pairs(annotations),
            "StartsAt": _time(one["startsAt"]),
            "EndsAt": _time(one["endsAt"]),
            "GeneratorURL": one["generatorURL"],
            "Fingerprint": one["fingerprint"],
            "Message": one_line(one.get("message") or message),
            "Value": one.get("value"),
            "Dependents": list(one.get("dependents", ())),
        }
    )


def _time(text: str) -> datetime:
    return datetime(1, 1, 1, tzinfo=UTC) if text == ZERO else datetime.fromtimestamp(encode.seconds_of(text), UTC)


def pairs(given: Mapping[str, str]) -> Map:
    """Return labels or annotations with the methods that Alertmanager's KV has."""

    def ordered() -> Rows:
        names = sorted(given)
        names = ["alertname", *(name for name in names if name != "alertname")] if "alertname" in given else names
        rows = [Record({"Name": name, "Value": given[name]}) for name in names]
        return Rows(list(rows), {"Names": lambda: names, "Values": lambda: [given[name] for name in names]})

    return Map(
        given,
        {
            "SortedPairs": ordered,
            "Names": lambda: [row.fields["Name"] for row in ordered()],
            "Values": lambda: [row.fields["Value"] for row in ordered()],
            "Remove": lambda names: pairs({name: value for name, value in given.items() if name not in names}),
        },
    )
