"""The outbox: messages wait here as rows until they are delivered. That of a group is brought up to
date while it waits.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from memmon.context import Context
from memmon.errors import NotFound
from memmon.notify import store
from memmon.routing import dedup, route
from memmon.routing.group import Pending
from memmon.routing.group_flush import LogEntry

DEADLINE = 3600.0
"""Seconds after which a message is tried no more. That of a group is taken up again at its next
flush.
"""


def add(
    ctx: Context,
    session: Session,
    receiver: str,
    payload: Mapping[str, Any],
    key: str,
    incident_id: int | None = None,
) -> list[str]:
    """Put a message for every channel of `receiver` into the outbox; return their keys. The same
    key is the same message.
    """
    receiver_config = route.receivers(ctx.config.routes, ctx.settings).get(receiver)
    if receiver_config is None:
        raise NotFound(f"no receiver {receiver} in routes.yml")
    rows = []
    for channel, config in route.channels(receiver_config):
        channel_payload = shown_to(config, payload)
        if channel_payload is not None:
            full = _short(f"{key}:{receiver}:{channel}")
            rows.append(_row(ctx.now(), full, receiver, channel, channel_payload) | {"incident_id": incident_id})
    store.add(session, rows)
    return [str(row["key"]) for row in rows]


def _short(key: str) -> str:
    return key if len(key) <= 255 else hashlib.sha256(key.encode()).hexdigest()


def _row(now: float, key: str, receiver: str, channel: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": key,
        "receiver": receiver,
        "channel": channel,
        "kind": payload["kind"],
        "payload": {**payload, "id": key, "receiver": receiver, "channel": channel.split("[")[0]},
        "incident_id": None,
        "group_key": None,
        "log_entry": None,
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
        "due_at": now,
        "deadline": now + DEADLINE,
    }


def shown_to(config: Any, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the payload for a channel: without resolved alerts if it does not want them, None if
    nothing remains.
    """
    if config.send_resolved:
        return payload
    if payload.get("status") == "resolved" or payload.get("reason") in dedup.RESOLVING:
        return None
    if "alerts" not in payload:
        return payload
    return {**payload, "alerts": [alert for alert in payload["alerts"] if alert["status"] == "firing"]}


class GroupOutbox:
    """The outbox as routing sees it: one message at most is on its way from a group to a
    channel.
    """

    def __init__(self, ctx: Context):
        self._ctx = ctx
        receivers = route.receivers(ctx.config.routes, ctx.settings)
        self._configs = {
            (name, channel): c
            for name, receiver_config in receivers.items()
            for channel, c in route.channels(receiver_config)
        }

    def pending(self, session: Session, group_key: str) -> dict[str, Pending]:
        """Return by channel the newest message of a group that was not delivered."""
        return {
            row.channel: Pending(
                row.id,
                row.state,
                row.attempts,
                row.created_at,
                frozenset((row.log_entry or {}).get("firing", ())),
                frozenset((row.log_entry or {}).get("resolved", ())),
            )
            for row in store.undelivered(session, group_key)
        }

    def put(
        self,
        session: Session,
        receiver: str,
        channel: str,
        payload: dict[str, Any],
        group_key: str,
        note: LogEntry,
        old: Pending | None,
    ) -> None:
        """Take a message, in the place of the `old` one: that keeps its attempts, and the time
        before which the receiver does not want to be asked again.
        """
        channel_payload = shown_to(self._configs[receiver, channel], payload) or payload
        now, log_entry = self._ctx.now(), note._asdict()
        row = _row(now, _short(f"{group_key}@{uuid.uuid4().hex}:{channel}"), receiver, channel, channel_payload)
        if old is None:
            store.add(session, [{**row, "group_key": group_key, "log_entry": log_entry}])
            return
        # The earlier attempt may have arrived, so changed content needs a new message id.
        changed = {name: row[name] for name in ("payload", "deadline", "kind")} | {
            "log_entry": log_entry,
            "state": "waiting",
        }
        if old.state == "failed":
            changed["due_at"] = now
        store.renew(session, old.id, old.attempts, **changed)

    def cancel(self, session: Session, old: Pending) -> None:
        """Send a message no more."""
        store.renew(session, old.id, old.attempts, state="superseded", due_at=None)
