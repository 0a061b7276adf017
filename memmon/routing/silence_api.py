"""Silences as Alertmanager's API takes them. Source: its `silence/silence.go`, `Set` and
`canUpdate`.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from memmon.context import Context
from memmon.errors import BadInput, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import store
from memmon.routing.matcher import checked, to_json
from memmon.routing.silences import MAX_SILENCE, silence_json
from memmon.routing.tables import SilenceRow
from memmon.state import live

log = logging.getLogger(__name__)


def post(
    ctx: Context,
    silence_id: str | None,
    matchers: Sequence[Matcher],
    starts_at: float,
    ends_at: float,
    by: str,
    comment: str,
) -> str:
    """Make a silence, or change the one called `number`; return its id.

    A change of matchers or of a past start ends the old silence and creates a new one.
    """
    now = ctx.now()
    _check(matchers, starts_at, ends_at, now)
    plain = [to_json(checked(*matcher)) for matcher in matchers]
    values: dict[str, Any] = {
        "matchers": plain,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "created_by": by,
        "comment": comment,
        "updated_at": now,
    }
    with ctx.write() as session:
        unchanged_id = _settled(session, silence_id, values, now)
        if unchanged_id is None:
            values["starts_at"] = max(now, starts_at)
        silence_id_ = unchanged_id or str(uuid.uuid4())
        store.save_silence(session, id=silence_id_, **values)
    log.info("silence %s by %s until %g: %s", silence_id_, by, ends_at, ", ".join(map(str, matchers)))
    live.publish(ctx.redis, "alerts", {"silence": silence_id_})
    return silence_id_


def problem(matchers: Sequence[Matcher], starts_at: float, ends_at: float) -> BadInput | None:
    """Return why no silence can be like this, or None."""
    if all("!" not in matcher.op and matcher.accepts(()) for matcher in matchers):
        return BadInput("matchers", "at least one matcher must not match the empty string")
    if ends_at < starts_at:
        return BadInput("endsAt", "start time must be before end time")
    return None


def _check(matchers: Sequence[Matcher], starts_at: float, ends_at: float, now: float) -> None:
    error = problem(matchers, starts_at, ends_at)
    if error:
        raise error
    if ends_at == starts_at:
        raise BadInput("endsAt", "start time must be before end time")
    if ends_at <= now:
        raise BadInput("endsAt", "end time can't be in the past")
    if ends_at - max(now, starts_at) > MAX_SILENCE:
        raise BadInput("endsAt", "must be at most 366 days after the start")


def _settled(session: Session, silence_id: str | None, values: dict[str, Any], now: float) -> str | None:
    """Return the id of the silence that is updated in place; otherwise the old one ends and None is
    returned.
    """
    if not silence_id:
        return None
    row = store.silence(session, silence_id)
    if row is None:
        raise NotFound(f"no silence {silence_id}")
    if can_update(row, values, now):
        return silence_id
    if row.ends_at > now:
        row.starts_at, row.ends_at, row.updated_at = min(row.starts_at, now), now, now
        session.flush()
    return None


def can_update(row: SilenceRow, values: dict[str, Any], now: float) -> bool:
    """Tell whether a silence may take new values and stay the same one."""
    if row.ends_at < now or row.matchers != values["matchers"]:
        return False
    if row.starts_at <= now:
        return bool(math.floor(values["starts_at"]) == math.floor(row.starts_at) and values["ends_at"] >= now)
    return bool(values["starts_at"] >= now)


def get(ctx: Context, silence_id: str) -> dict[str, Any]:
    """Return one silence."""
    with ctx.read() as session:
        row = store.silence(session, silence_id)
        if row is None:
            raise NotFound(f"no silence {silence_id}")
        return silence_json(row, ctx.now())
