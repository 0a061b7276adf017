"""Channel: an adaptive card to a workflow of Microsoft Teams. Source: Microsoft's "Create incoming
webhooks with Workflows"; the fields are those of Alertmanager's `msteamsv2_config`.
"""

from __future__ import annotations

from typing import Any

from memmon.config.receivers import Global, TeamsConfig
from memmon.notify.channels import http
from memmon.notify.channels.base import Message
from memmon.settings import Settings

MAX_TEXT = 24_000


def send(config: TeamsConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Post the card."""
    url = config.webhook_url or http.content(config.webhook_url_file)
    return http.answer_text(http.post(url, body(config, message), config.http_config, defaults, config.timeout))


def body(config: TeamsConfig, message: Message) -> dict[str, Any]:
    """Return the message: a title in the colour of its state, and the text with its lines apart."""
    colour = "Good" if message.payload.get("status") == "resolved" else "Attention"
    title, text = message.fill(config.title, message.subject), message.fill(config.text, message.text)[:MAX_TEXT]
    blocks = [
        {"type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium", "wrap": True, "color": colour},
        {"type": "TextBlock", "text": text.replace("\n", "\n\n"), "wrap": True},
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "msteams": {"width": "full"},
    }
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }
