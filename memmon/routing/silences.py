"""The verbs of silences: make, end, show."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import store
from memmon.routing.matcher import checked, op_of, to_json
from memmon.routing.mute import Silence
from memmon.routing.tables import SilenceRow
from memmon.state import live

log = logging.getLogger(__name__)

MAX_SILENCE = 366 * 86400.0
LATEST = 253402300799.0
"""The last second that ISO 8601 can write."""


def in_force(session: Session, now: float) -> list[Silence]:
    """Return the silences that hold or will hold."""
    return [
        Silence(
            row.id,
            tuple(Matcher(matcher["name"], op_of(matcher), matcher["value"]) for matcher in row.matchers),
            row.starts_at,
            row.ends_at,
            row.created_by,
            row.comment,
        )
        for row in store.silences(session, now)
    ]


def silence(
    ctx: Context, matchers: Sequence[Matcher], seconds: float, by: str, comment: str, starts_at: float | None = None
) -> dict[str, Any]:
    """Mute what `matchers` match for `seconds`; return the silence."""
    matchers = [checked(*matcher) for matcher in matchers]
    if all(matcher.accepts(()) for matcher in matchers):
        raise BadInput("matchers", "at least one matcher must not match an empty label")
    if not 0 < seconds <= MAX_SILENCE:
        raise BadInput("duration", "must be more than nothing and at most 366 days")
    now = ctx.now()
    start = now if starts_at is None else starts_at
    if start + seconds > LATEST:
        raise BadInput("starts_at", "must be such that the silence ends before the year 10000")
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "matchers": [to_json(matcher) for matcher in matchers],
        "starts_at": start,
        "ends_at": start + seconds,
        "created_by": by,
        "comment": comment,
        "updated_at": now,
    }
    with ctx.write() as session:
        store.save_silence(session, **values)
        row = store.silence(session, values["id"])
        silence_ = silence_json(row, now)  # type: ignore[arg-type]
    log.info("silence %s by %s for %g s: %s", silence_["id"], by, seconds, ", ".join(map(str, matchers)))
    live.publish(ctx.redis, "alerts", {"silence": silence_["id"]})
    return silence_


def expire_silence(ctx: Context, silence_id: str) -> None:
    """End a silence now."""
    now = ctx.now()
    with ctx.write() as session:
        row = store.silence(session, silence_id)
        if row is None:
            raise NotFound(f"no silence {silence_id}")
        if row.ends_at <= now:
            raise Conflict(f"silence {silence_id} has ended already")
        row.ends_at = now
        row.updated_at = now
    live.publish(ctx.redis, "alerts", {"silence": silence_id})


def silences(ctx: Context, ended_since: float = 3600.0) -> list[dict[str, Any]]:
    """Return the silences that hold, will hold, or ended in the last `ended_since` seconds."""
    now = ctx.now()
    with ctx.read() as session:
        return [silence_json(row, now) for row in store.silences(session, now - ended_since)]


def silence_json(row: SilenceRow, now: float) -> dict[str, Any]:
    """Return a silence in Alertmanager's shape."""
    state = "expired" if row.ends_at <= now else ("active" if row.starts_at <= now else "pending")
    return {
        "id": row.id,
        "matchers": row.matchers,
        "startsAt": encode.iso(row.starts_at),
        "endsAt": encode.iso(row.ends_at),
        "updatedAt": encode.iso(row.updated_at),
        "createdBy": row.created_by,
        "comment": row.comment,
        "status": {"state": state},
    }
