"""Channel: PagerDuty's Events API v2. Source: its "Send an alert event"; the fields are those of
Alertmanager's `pagerduty_config`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from memmon.config.receivers import Global, PagerDutyConfig
from memmon.notify.channels import http
from memmon.notify.channels.base import Message
from memmon.notify.payload import common
from memmon.settings import Settings

MAX_SUMMARY = 1024
MAX_DETAIL = 8192
ACKNOWLEDGED = "acknowledged by a person"
SEVERITIES = ("critical", "error", "warning", "info")


def send(config: PagerDutyConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Post the event; PagerDuty answers 202, and 400 for an invalid one."""
    key = config.routing_key or http.content(config.routing_key_file)
    url = config.url or defaults.pagerduty_url
    answer = http.post(url, body(config, message, key), config.http_config, defaults, config.timeout)
    return http.answer_text(answer)


def body(config: PagerDutyConfig, message: Message, key: str) -> dict[str, Any]:
    """Return the event. Its `dedup_key` is that of the group, or of the incident: what follows
    belongs to the same.
    """
    action = _action(message.payload)
    event: dict[str, Any] = {"routing_key": key, "event_action": action, "dedup_key": _dedup(message.payload)}
    if action != "trigger":
        return event
    about = {
        "summary": message.fill(config.description, message.subject)[:MAX_SUMMARY],
        "source": message.fill(config.source) or message.fill(config.client, "memmon") or "memmon",
        "severity": _severity(config, message),
        "component": message.fill(config.component),
        "group": message.fill(config.group),
        "class": message.fill(config.class_),
        "custom_details": _details(config, message),
    }
    event |= {
        "client": message.fill(config.client, "memmon"),
        "client_url": message.fill(config.client_url, message.payload.get("external_url", "")),
        "payload": {name: value for name, value in about.items() if value},
        "links": [{"href": message.fill(link.href), "text": message.fill(link.text)} for link in config.links],
        "images": [
            {"src": message.fill(image.src), "alt": message.fill(image.alt), "href": message.fill(image.href)}
            for image in config.images
        ],
    }
    return {name: value for name, value in event.items() if value}


def _action(payload: dict[str, Any]) -> str:
    if payload.get("status") == "resolved":
        return "resolve"
    return "acknowledge" if payload.get("reason") == ACKNOWLEDGED else "trigger"


def _dedup(payload: dict[str, Any]) -> str:
    incident = payload.get("incident") or {}
    about = payload.get("group_key") or (f"incident/{incident['id']}" if "id" in incident else payload.get("id", ""))
    return hashlib.sha256(str(about).encode()).hexdigest()


def _severity(config: PagerDutyConfig, message: Message) -> str:
    severity = message.fill(config.severity)
    if not severity and message.is_alert:
        severity = common(message.payload["alerts"], "labels").get("severity", "")
        severities = {
            alert["labels"].get("severity") for alert in message.payload["alerts"] if alert["status"] == "firing"
        }
        severity = severity or next((severity_ for severity_ in SEVERITIES if severity_ in severities), "")
    return severity if severity in SEVERITIES else "error"


def _details(config: PagerDutyConfig, message: Message) -> dict[str, str]:
    details = {name: message.fill(text) for name, text in config.details.items()}
    if message.is_alert:
        states = [alert["status"] == "firing" for alert in message.payload["alerts"]]
        details = {
            "firing": message.fill('{{ template "pagerduty.default.instances" .Alerts.Firing }}'),
            "num_firing": str(sum(states)),
            "num_resolved": str(len(states) - sum(states)),
            **details,
        }
    else:
        details = {"text": message.text, **details}
    return {name: value[:MAX_DETAIL] for name, value in details.items()}
