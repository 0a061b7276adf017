"""What a channel is: a function that sends one message and returns what the other side said.

It raises Transient when another try may help (`Busy` says when at the earliest), Permanent when
not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from memmon.config.receivers import Global
from memmon.errors import BadTemplate, Permanent, Transient
from memmon.notify import payload as payloads
from memmon.notify import templates
from memmon.notify.templates import Templates
from memmon.settings import Settings


class RateLimited(Transient):
    """The other side asks to be left alone for a while."""

    def __init__(self, message: str, retry_after: float):
        super().__init__(message)
        self.retry_after = retry_after


class Message(NamedTuple):
    """A message: one-line subject, text, structured payload, and the templates for it."""

    subject: str
    text: str
    payload: dict[str, Any]
    templates: Templates = templates.of()
    now: float = 0.0

    @property
    def is_alert(self) -> bool:
        """Tell whether it is about alerts; templates know nothing of incidents and pages."""
        return bool(self.payload.get("kind") == "alert")

    def fill(self, template: str, instead: str = "") -> str:
        """Return a configured text with its template filled in, or `instead` for a message that is
        not about alerts.
        """
        if "{{" not in template:
            return template
        if not self.is_alert:
            return instead
        try:
            return self.templates.fill(template, payloads.data(self.payload), self.now)
        except BadTemplate as error:
            raise Permanent(f"the message cannot be made: {error}") from None

    def fill_all(self, value: Any) -> Any:
        """Return a tree of lists and maps with the templates of all its texts filled in."""
        if isinstance(value, dict):
            return {name: self.fill_all(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill_all(item) for item in value]
        return self.fill(value, self.text) if isinstance(value, str) else value


Sender = Callable[[Any, Message, Settings, Global], str]
"""send(channel's configuration, message, settings, defaults) -> what the other side said."""
