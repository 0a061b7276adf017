"""Channel: any service that Apprise supports, by its URL. Apprise reports only success or failure
and logs the reason; the log is captured, and every failure is retried.
"""

from __future__ import annotations

import io
import logging

import apprise

from memmon.config.receivers import AppriseConfig, Global
from memmon.errors import Permanent, Transient
from memmon.notify.channels import http
from memmon.notify.channels.base import Message
from memmon.settings import Settings


def send(config: AppriseConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Hand the message to the service."""
    address = config.url or http.content(config.url_file)
    service = apprise.Apprise()
    if not service.add(address):
        raise Permanent("Apprise knows no service by this URL")
    kind = apprise.NotifyType.SUCCESS if message.payload.get("status") == "resolved" else apprise.NotifyType.WARNING
    log_output = io.StringIO()
    handler = logging.StreamHandler(log_output)
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        title, text = message.fill(config.title, message.subject), message.fill(config.text, message.text)
        done = service.notify(body=text, title=title, notify_type=kind)
    finally:
        logger.removeHandler(handler)
    if not done:
        raise Transient(f"Apprise could not send it: {log_output.getvalue().strip().replace(address, '<url>')[:500]}")
    return "taken by Apprise"
