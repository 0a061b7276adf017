"""Channel: a line in memmon's log."""

from __future__ import annotations

import logging

from memmon.config.receivers import Global, LogConfig
from memmon.notify.channels.base import Message
from memmon.settings import Settings

log = logging.getLogger("memmon.notification")


def send(config: LogConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Write the message to the log."""
    log.log(logging.getLevelName(config.level.upper()), "%s", message.text)
    return "logged"
