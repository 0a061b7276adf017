"""`memmon notify`: really sends a message, to see that it arrives."""

from __future__ import annotations

import socket
import sys
import time
import uuid
from typing import Any

import click

from memmon.cli.common import context, table
from memmon.context import Context
from memmon.errors import NotFound
from memmon.notify import service
from memmon.routing import route

PATIENCE = 30.0


@click.group()
def notify() -> None:
    """Try the ways by which people are told."""


@notify.command()
@click.argument("receiver")
def test(receiver: str) -> None:
    """Send a message of the kind `test` to every channel of RECEIVER, and show what the other side said."""
    with context() as ctx:
        known = route.receivers(ctx.config.routes, ctx.settings)
        if receiver not in known:
            raise NotFound(f"no receiver {receiver}; there are {', '.join(sorted(known))}")
        numbers = _send(ctx, receiver)
        sent = _outcome(ctx, numbers)
    rows = [
        [row["channel"], row["state"], attempt["seconds"], attempt["answer"]]
        for row in sent
        for attempt in row["attempts"]
    ]
    table(f"Test message to {receiver}", ("channel", "state", "seconds", "answer"), rows)
    if not sent or any(row["state"] != "sent" for row in sent):
        sys.exit(1)


def _send(ctx: Context, receiver: str) -> list[int]:
    """Put the message into the outbox and deliver it from here; a worker that was quicker did it already."""
    payload: dict[str, Any] = {
        "kind": "test",
        "status": "test",
        "title": f"Test message from memmon on {socket.gethostname()}",
        "lines": ["If you read this, notifications reach you. Nothing is wrong."],
        "external_url": ctx.settings.external_url,
    }
    jobs = service.enqueue(ctx, receiver, payload, f"test:{uuid.uuid4()}")
    numbers = [int(job.args[0]) for job in jobs]
    for number in numbers:
        service.deliver(ctx, number)
    return numbers


def _outcome(ctx: Context, numbers: list[int]) -> list[dict[str, Any]]:
    """Return the messages once each was tried."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [row for row in service.recent(ctx, 200) if row["id"] in numbers]
        if all(row["attempts"] for row in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.2)
