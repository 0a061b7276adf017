"""What a channel is: a function that sends one message and returns what the other side said.

It raises Transient when another try may help (`retry_after` says when at the earliest), Permanent when not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from memmon.config.receivers import Global
from memmon.errors import Transient
from memmon.settings import Settings


class Busy(Transient):
    """The other side asks to be left alone for a while."""

    def __init__(self, message: str, retry_after: float):
        super().__init__(message)
        self.retry_after = retry_after


class Message(NamedTuple):
    """What is sent: a subject of one line, the text, and everything in structured form."""

    subject: str
    text: str
    payload: dict[str, Any]


Sender = Callable[[Any, Message, Settings, Global], str]
"""send(channel's configuration, message, settings, defaults) -> what the other side said."""
