"""Channel: a message with one attachment to an incoming webhook of Slack. Source: Slack's "Sending
messages using incoming webhooks"; the fields are those of Alertmanager's `slack_config`.
"""

from __future__ import annotations

import json
from typing import Any

from memmon.config.receivers import Global, SlackConfig
from memmon.errors import Permanent
from memmon.notify.channels import http
from memmon.notify.channels.base import Message
from memmon.settings import Settings

MAX_TITLE = 1024


def send(config: SlackConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Post the message; Slack says `ok`, or in a 200 of its API why not."""
    url = config.api_url or (http.content(config.api_url_file) if config.api_url_file else "")
    url = url or defaults.slack_api_url or http.content(defaults.slack_api_url_file)
    answer = http.post(url, body(config, message), config.http_config, defaults, config.timeout)
    if answer.body.lstrip().startswith(b"{"):
        try:
            answer_body = json.loads(answer.body)
        except ValueError:
            answer_body = {}
        if answer_body.get("ok") is False:
            raise Permanent(f"Slack refused it: {answer_body.get('error')}")
    return http.answer_text(answer)


def body(config: SlackConfig, message: Message) -> dict[str, Any]:
    """Return the message in Slack's format without empty fields."""
    fields = [
        {
            "title": message.fill(f.title),
            "value": message.fill(f.value),
            "short": config.short_fields if f.short is None else f.short,
        }
        for f in config.fields
    ]
    attachment = {
        "title": message.fill(config.title, message.subject)[:MAX_TITLE],
        "title_link": message.fill(config.title_link),
        "pretext": message.fill(config.pretext),
        "text": message.fill(config.text, message.text),
        "fallback": message.fill(config.fallback, message.subject),
        "color": message.fill(config.color, "warning"),
        "footer": message.fill(config.footer),
        "callback_id": message.fill(config.callback_id),
        "image_url": message.fill(config.image_url),
        "thumb_url": message.fill(config.thumb_url),
        "mrkdwn_in": list(config.mrkdwn_in),
        "fields": fields,
    }
    top = {
        "channel": message.fill(config.channel),
        "username": message.fill(config.username, "memmon"),
        "icon_emoji": message.fill(config.icon_emoji),
        "icon_url": message.fill(config.icon_url),
        "link_names": config.link_names,
        "attachments": [{name: value for name, value in attachment.items() if value}],
    }
    return {name: value for name, value in top.items() if value}
