"""Pure: a payload as Alertmanager's webhook sends it, version 4, and as its templates see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memmon import encode
from memmon.gotemplate.values import Map, QueryRows, Record
from memmon.notify.formatting import one_line, runbook

ZERO = "0001-01-01T00:00:00Z"
GENERATOR = "generator_url"


def version4(payload: Mapping[str, Any], max_alerts: int = 0) -> dict[str, Any]:
    """Return the fields of Alertmanager's webhook for the alerts of a payload, of which at most
    `max_alerts` are shown.

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
        "commonAnnotations": common([{"annotations": _annotations(alert)} for alert in alerts], "annotations"),
        "externalURL": payload.get("external_url", ""),
        "alerts": [{**alert, **_alert(alert, payload.get("external_url", ""))} for alert in alerts],
    }


def common(alerts: Sequence[Mapping[str, Any]], field: str) -> dict[str, str]:
    """Return the entries of `field` that all `alerts` share."""
    if not alerts:
        return {}
    first, *other_maps = (alert.get(field) or {} for alert in alerts)
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in other_maps)}


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
    """Return what templates see: Alertmanager's fields, and beside them Names, Runbooks,
    RouteLabels, Reason and Kind.
    """
    webhook_payload = version4(payload)
    alerts = [_of_alert(alert) for alert in webhook_payload["alerts"]]
    firing = [alert for alert in alerts if alert.fields["Status"] == "firing"]
    resolved = [alert for alert in alerts if alert.fields["Status"] != "firing"]
    base = webhook_payload["externalURL"]
    helps = [
        alert["annotations"].get("runbook_url", "")
        for alert in webhook_payload["alerts"]
        if alert["status"] == "firing"
    ]
    return Record(
        {
            "Receiver": webhook_payload["receiver"],
            "Status": webhook_payload["status"],
            "Alerts": QueryRows(list(alerts), {"Firing": lambda: firing, "Resolved": lambda: resolved}),
            "GroupLabels": pairs(webhook_payload["groupLabels"]),
            "CommonLabels": pairs(webhook_payload["commonLabels"]),
            "CommonAnnotations": pairs(webhook_payload["commonAnnotations"]),
            "ExternalURL": base,
            "RouteLabels": pairs(payload.get("route_labels", {})),
            "Names": sorted({one_line(alert.fields["Labels"].get("alertname", "")) for alert in firing or resolved}),
            "Runbooks": list(dict.fromkeys(runbook(one_line(url), base) for url in helps if url))[:20],
            "Reason": payload.get("reason", ""),
            "Kind": payload["kind"],
        }
    )


def _of_alert(alert: Mapping[str, Any]) -> Record:
    annotations = alert["annotations"]
    message = annotations.get("summary") or annotations.get("description") or alert["labels"].get("alertname", "")
    return Record(
        {
            "Status": alert["status"],
            "Labels": pairs(alert["labels"]),
            "Annotations": pairs(annotations),
            "StartsAt": _time(alert["startsAt"]),
            "EndsAt": _time(alert["endsAt"]),
            "GeneratorURL": alert["generatorURL"],
            "Fingerprint": alert["fingerprint"],
            "Message": one_line(alert.get("message") or message),
            "Value": alert.get("value"),
            "Dependents": list(alert.get("dependents", ())),
        }
    )


def _time(text: str) -> datetime:
    return datetime(1, 1, 1, tzinfo=UTC) if text == ZERO else datetime.fromtimestamp(encode.seconds_of(text), UTC)


def pairs(items: Mapping[str, str]) -> Map:
    """Return labels or annotations with the methods that Alertmanager's KV has."""

    def ordered() -> QueryRows:
        names = sorted(items)
        names = ["alertname", *(name for name in names if name != "alertname")] if "alertname" in items else names
        rows = [Record({"Name": name, "Value": items[name]}) for name in names]
        return QueryRows(list(rows), {"Names": lambda: names, "Values": lambda: [items[name] for name in names]})

    return Map(
        items,
        {
            "SortedPairs": ordered,
            "Names": lambda: [row.fields["Name"] for row in ordered()],
            "Values": lambda: [row.fields["Value"] for row in ordered()],
            "Remove": lambda names: pairs({name: value for name, value in items.items() if name not in names}),
        },
    )
