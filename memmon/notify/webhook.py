"""Channel: a POST of JSON, with `text` as Slack wants it and everything in structured form beside it."""

from __future__ import annotations

import email.utils
import time
from pathlib import Path

from memmon import outbound
from memmon.config.receivers import Global, HttpConfig, WebhookConfig
from memmon.errors import Permanent, Transient
from memmon.notify.base import Busy, Message
from memmon.settings import Settings

TIMEOUT = 10.0
LONGEST_WAIT = 600.0


def send(config: WebhookConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Post the message; 2xx is done, 408, 429 and 5xx are worth another try, all else is not. Its id is the same at each try
    and stands in `Idempotency-Key`: a receiver can tell that it has it already."""
    payload = message.payload
    if config.max_alerts and len(payload.get("alerts", [])) > config.max_alerts:
        left = len(payload["alerts"]) - config.max_alerts
        payload = {**payload, "alerts": payload["alerts"][: config.max_alerts], "truncated_alerts": left}
    # The operator wrote the address, so it may be a private one.
    answer = outbound.request(
        "POST",
        _url(config),
        json=payload,
        headers=_headers(config, settings) | {"Idempotency-Key": _header(payload.get("id", ""))},
        timeout=config.timeout or TIMEOUT,
        allow_private=True,
    )
    said = f"{answer.status} {answer.body[:200].decode(errors='replace')}".strip()
    if 200 <= answer.status < 300:
        return said
    if answer.status in (408, 429) or answer.status >= 500:
        after = answer.headers.get("Retry-After")
        raise Busy(said, _seconds(after)) if after else Transient(said)
    raise Permanent(said)


def _url(config: WebhookConfig) -> str:
    return config.url or _content(config.url_file or Path())


def _headers(config: WebhookConfig, settings: Settings) -> dict[str, str]:
    http = config.http_config or HttpConfig()
    headers = dict(http.headers)
    if config.url and config.url == (settings.webhook_url or settings.alert_webhook):
        headers |= settings.webhook_header_map  # They may hold a secret, which is for this address alone.
    authorization = http.authorization
    if authorization:
        secret = authorization.credentials or _content(authorization.credentials_file or Path())
        headers["Authorization"] = f"{authorization.type} {secret}"
    return headers


def _header(text: str) -> str:
    """Return `text` as a header can hold it: an id is made of labels, and a label may hold anything."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error}") from error


def _seconds(text: str) -> float:
    """Return what Retry-After asks for, in seconds: a number or a date, at most ten minutes."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        return min(max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time()), LONGEST_WAIT)
    except ValueError:
        return 0.0
