"""Pure: an event as it is reported, checked."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from memmon import encode, validation_messages
from memmon.errors import BadInput
from memmon.security import address

EventType = Literal[
    "auth_failure",
    "auth_success",
    "rate_limit_exceeded",
    "suspicious_activity",
    "data_access_violation",
    "api_abuse",
    "injection_attempt",
    "brute_force_attack",
    "privilege_escalation",
    "data_exfiltration",
    "unauthorized_access",
]

SEVERITY: dict[str, str] = {
    "auth_success": "info",
    "auth_failure": "warning",
    "rate_limit_exceeded": "warning",
    "suspicious_activity": "warning",
    "api_abuse": "warning",
    "unauthorized_access": "error",
    "data_access_violation": "error",
    "injection_attempt": "critical",
    "brute_force_attack": "critical",
    "privilege_escalation": "critical",
    "data_exfiltration": "critical",
}

Short = Annotated[str, StringConstraints(max_length=255)]
MAX_TEXT = 65536
MAX_KEPT = 8192
"""Most characters of a parameter that are inspected and stored."""

Long = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
FUTURE = 300.0
"""Seconds that a reporter's clock may be ahead."""


class SecurityEvent(BaseModel):
    """One event. `params` are the request's parameters; `content` is memory text, which is flagged
    and never blocks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_type: EventType
    severity: Literal["info", "warning", "error", "critical"] | None = None
    source_ip: str | None = None
    user: Short | None = None
    endpoint: Short | None = None
    method: Annotated[str, StringConstraints(max_length=16)] | None = None
    status: int | None = Field(None, ge=100, le=599)
    user_agent: Short | None = None
    params: dict[Short, Long] = Field({}, max_length=64)
    content: Long | None = None
    message: Annotated[str, StringConstraints(max_length=2000)] = ""
    timestamp: str | None = None

    @field_validator("source_ip")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return address.canonical(value) if value is not None else None

    @field_validator("timestamp")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        if value is not None:
            encode.seconds_of(value)
        return value

    def at(self, now: float) -> float:
        """Return when it happened; one from the future happened now."""
        moment = encode.seconds_of(self.timestamp) if self.timestamp else now
        return moment if moment <= now + FUTURE else now


def parse(document: Any) -> SecurityEvent:
    """Return the event; raise BadInput that names the first wrong field."""
    if not isinstance(document, dict):
        raise BadInput("event", "must be an object")
    try:
        return SecurityEvent.model_validate(_storable(document))
    except ValidationError as error:
        problem = error.errors()[0]
        raise BadInput(".".join(map(str, problem["loc"])) or "event", validation_messages.of(problem)) from None


def _storable(value: Any) -> Any:
    """Return `value` with what no database takes in a text replaced: attacks are full of NUL and of
    half characters.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value
