"""The verbs of notification: put into the outbox, deliver, show."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from typing import Any

from memmon import encode
from memmon.config.receivers import EmailConfig, LogConfig
from memmon.context import Context
from memmon.db import engine
from memmon.errors import Permanent, Transient
from memmon.jobs import Job
from memmon.notify import circuit_breaker, render, store, templates
from memmon.notify.channels import apprise, email, http, msteams, pagerduty, slack, webhook
from memmon.notify.channels import log as log_channel
from memmon.notify.channels.base import RateLimited, Sender
from memmon.notify.explain import explain
from memmon.notify.outbox import GroupOutbox, add
from memmon.notify.tables import NotificationRow
from memmon.routing import route
from memmon.routing import service as routing
from memmon.state import counters, lease, live

__all__ = ["add", "channels", "counts", "deliver", "due", "enqueue", "explain", "flush", "recent"]

log = logging.getLogger(__name__)

SENDERS: dict[str, Sender] = {
    "email": email.send,
    "webhook": webhook.send,
    "slack": slack.send,
    "pagerduty": pagerduty.send,
    "msteamsv2": msteams.send,
    "apprise": apprise.send,
    "log": log_channel.send,
}
SPARE = 5.0
"""Seconds beyond a channel's own time limit after which its sender is taken for dead, and the
message is sent by another.
"""
FIRST_WAIT, LONGEST_WAIT = 2.0, 120.0
NO_ANSWER = "given up: its time is over, and no sender lived to say what became of it"
QUEUED = 10.0
"""Seconds after which a delivery that was queued and has not begun is queued again: the broker may
have lost it.
"""


def flush(ctx: Context) -> list[Job]:
    """Place all alerts, look at the groups that are due, and return the deliveries that follow."""
    routing.place(ctx)
    routing.flush(ctx, GroupOutbox(ctx))
    return due(ctx)


def enqueue(
    ctx: Context, receiver: str, payload: Mapping[str, Any], key: str, incident_id: int | None = None
) -> list[Job]:
    """Put a message into the outbox in a transaction of its own; return its deliveries."""
    with ctx.write() as session:
        keys = add(ctx, session, receiver, payload, key, incident_id)
        return [Job("notify.deliver", (notification_id,)) for notification_id in store.ids(session, keys)]


def due(ctx: Context) -> list[Job]:
    """Return the deliveries that are due: new ones, retries, and those whose sender died. One that
    was queued a moment ago is left out: a tick comes every second, and a queue that is slow must
    not fill with the same work.
    """
    with ctx.read() as session:
        due_rows = store.due(session, ctx.now())
    return [
        Job("notify.deliver", (notification_id,))
        for notification_id, attempts in due_rows
        if lease.claim(ctx.redis, f"deliver:{notification_id}:{attempts}", QUEUED)
    ]


def deliver(ctx: Context, notification_id: int) -> None:
    """Send one message, once: claim it, send it, record what the other side said."""
    now = ctx.now()
    with ctx.write() as session:
        row = store.get(session, notification_id)
        if row is None or row.due_at is None or now < row.due_at <= now + store.FARTHEST:
            return  # It was forgotten or sent meanwhile, or another worker has it.
        shut = _shut(ctx, row, now)
        if shut:
            store.postpone(session, notification_id, shut.until, shut.reason)
            return
        row = store.claim(session, notification_id, now, now + _longest(ctx, row.receiver, row.channel) + SPARE)
        if row is None:
            return  # Another worker has it, or it is done.
        if row.attempts > 1 and row.deadline <= now:
            # Its senders died, each before it could say so.
            store.finish(
                session, notification_id, row.attempts, _lost(now), state="failed", due_at=None, error=NO_ANSWER
            )
            return
        receiver, channel, payload, attempts, deadline = (
            row.receiver,
            row.channel,
            row.payload,
            row.attempts,
            row.deadline,
        )
        group_key, log_entry = row.group_key, row.log_entry
    began = time.perf_counter()
    outcome, answer, wait = _send(ctx, receiver, channel, payload, attempts)
    seconds = time.perf_counter() - began
    now = ctx.now()
    circuit_breaker.note(ctx, receiver, channel, outcome, now)
    values: dict[str, Any] = {"error": None if outcome == "sent" else answer[:2000]}
    if outcome == "sent":
        values |= {"state": "sent", "sent_at": now, "due_at": None}
    elif outcome == "transient" and now + wait < deadline:
        values |= {"state": "waiting", "due_at": now + wait}
    else:
        values |= {"state": "failed", "due_at": None}
    attempt = {"at": now, "seconds": seconds, "outcome": outcome, "answer": answer[:2000]}

    def keep() -> None:
        with ctx.write() as session:
            store.finish(session, notification_id, attempts, attempt, **values)
            if outcome == "sent" and group_key and log_entry:
                routing.record(session, group_key, channel, routing.LogEntry(**log_entry), now)

    engine.insist(keep)
    _count(ctx, receiver, channel, values["state"], answer, seconds)


def _shut(ctx: Context, row: NotificationRow, now: float) -> circuit_breaker.Closed | None:
    """Return why a message must wait that nobody has begun to send; one whose sender died has had
    its turn.
    """
    if row.state != "waiting":
        return None
    receiver_config = route.receivers(ctx.config.routes, ctx.settings).get(row.receiver)
    return circuit_breaker.closed(
        ctx, row.receiver, row.channel, receiver_config.rate_limit if receiver_config else None, now
    )


def _lost(now: float) -> dict[str, Any]:
    return {"at": now, "seconds": 0.0, "outcome": "permanent", "answer": NO_ANSWER}


def _longest(ctx: Context, receiver: str, channel: str) -> float:
    """Return the seconds that a channel may take."""
    receiver_config = route.receivers(ctx.config.routes, ctx.settings).get(receiver)
    config = dict(route.channels(receiver_config)).get(channel) if receiver_config else None
    if isinstance(config, EmailConfig):
        return email.LONGEST
    return (
        float(getattr(config, "timeout", 0.0) or http.TIMEOUT) if config and not isinstance(config, LogConfig) else 0.0
    )


def _send(ctx: Context, receiver: str, channel: str, payload: dict[str, Any], attempts: int) -> tuple[str, str, float]:
    """Return outcome (sent, transient or permanent), the answer, and the wait before the next
    attempt in seconds.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempts - 1)) * random.uniform(0.8, 1.2)
    receiver_config = route.receivers(ctx.config.routes, ctx.settings).get(receiver)
    config = dict(route.channels(receiver_config)).get(channel) if receiver_config else None
    if config is None:
        return "permanent", f"receiver {receiver} no longer has {channel}", 0.0
    try:
        sender = SENDERS[channel.split("[")[0]]
        message = render.message(payload, templates.of(ctx.config.routes.sources), ctx.now())
        return "sent", sender(config, message, ctx.settings, ctx.config.routes.global_), 0.0
    except RateLimited as error:
        return "transient", str(error), max(wait, error.retry_after)
    except Transient as error:
        return "transient", str(error), wait
    except Permanent as error:
        return "permanent", str(error), 0.0
    except (LookupError, TypeError, ValueError) as error:
        # It cannot even be made, and would be tried again for ever.
        return "permanent", f"the message cannot be made: {error!r}", 0.0


def _count(ctx: Context, receiver: str, channel: str, state: str, answer: str, seconds: float) -> None:
    kind = channel.split("[")[0]
    counters.observe(ctx.redis, "memmon_notification_duration_seconds", {"channel": kind}, seconds)
    if state == "sent":
        counters.add(ctx.redis, "memmon_notifications_total", {"channel": kind})
    elif state == "failed":
        counters.add(ctx.redis, "memmon_notifications_failed_total", {"channel": kind})
        log.error("notification to %s by %s failed for good: %s", receiver, channel, answer)
    else:
        log.warning("notification to %s by %s failed, will be tried again: %s", receiver, channel, answer)
    live.publish(ctx.redis, "alerts", {"notification": state, "receiver": receiver})


def recent(ctx: Context, limit: int = 50, incident_id: int | None = None) -> list[dict[str, Any]]:
    """Return the newest messages with every attempt."""
    with ctx.read() as session:
        rows = store.recent(session, limit, incident_id)
        tried = store.attempts(session, [row.id for row in rows])
        return [
            {
                "id": row.id,
                "receiver": row.receiver,
                "channel": row.channel,
                "kind": row.kind,
                "status": row.payload.get("status"),
                "title": render.message(row.payload).subject,
                "state": row.state,
                "created_at": encode.iso(row.created_at),
                "sent_at": encode.iso(row.sent_at),
                "next_attempt_at": encode.iso(row.due_at),
                "error": row.error,
                "attempts": store.attempts_json(tried.get(row.id, [])),
            }
            for row in rows
        ]


def channels(ctx: Context) -> list[dict[str, Any]]:
    """Return every channel that is configured, and how its last message went."""
    with ctx.read() as session:
        last = store.last_by_receiver(session)
    rows = []
    for name, receiver in route.receivers(ctx.config.routes, ctx.settings).items():
        for channel, _ in route.channels(receiver):
            row = last.get((name, channel))
            rows.append(
                {
                    "receiver": name,
                    "channel": channel.split("[")[0],
                    "last_state": row.state if row else None,
                    "last_at": encode.iso(row.sent_at or row.created_at) if row else None,
                    "error": row.error if row else None,
                    "left_alone": _left_alone(ctx, name, channel),
                }
            )
    return rows


def _left_alone(ctx: Context, receiver: str, channel: str) -> bool | None:
    """Tell whether a channel's breaker is open; None while Redis is away, which knows."""
    try:
        return circuit_breaker.is_open(ctx, receiver, channel)
    except Transient:
        return None


def counts(ctx: Context) -> dict[str, int]:
    """Return how many messages there are, by state."""
    with ctx.read() as session:
        return store.counts(session)
