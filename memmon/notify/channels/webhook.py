"""Channel: a POST of JSON, Alertmanager's version 4 with everything that memmon knows and a `text`
for Slack beside, or what the configuration's `payload` says.
"""

from __future__ import annotations

from memmon.config.receivers import Global, WebhookConfig
from memmon.notify.channels import http
from memmon.notify.channels.base import Message
from memmon.notify.payload import version4
from memmon.settings import Settings


def send(config: WebhookConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Post the message. Its id is the same at each attempt and is sent as `Idempotency-Key`, so
    that a receiver can drop duplicates.
    """
    payload = message.payload
    if message.is_alert:
        payload = {**payload, **version4(payload, config.max_alerts)}
        if payload["truncatedAlerts"]:
            payload["truncated_alerts"] = payload["truncatedAlerts"]
    body = message.fill_all(config.payload) if config.payload else payload
    url = config.url or http.content(config.url_file)
    headers = {"Idempotency-Key": http.header(payload.get("id", ""))}
    if config.url and config.url == (settings.webhook_url or settings.alert_webhook):
        # They may hold a secret, which is for this address alone.
        headers |= settings.webhook_header_map
    return http.answer_text(http.post(url, body, config.http_config, defaults, config.timeout, headers))
