"""`memmon notify`: really sends a message, to see that it arrives."""

from __future__ import annotations

import socket
import sys
import time
import uuid
from typing import Any

import click

from memmon.alerts import service as alerts
from memmon.cli.alerts import explained
from memmon.cli.common import context, table
from memmon.context import Context
from memmon.errors import NotFound
from memmon.notify import service
from memmon.routing import matcher, route

PATIENCE = 30.0
DRILL_SECONDS = 600.0


@click.group()
def notify() -> None:
    """Test the notification channels."""


@notify.command()
@click.argument("receiver", required=False)
@click.option(
    "--alert", "labels", metavar="LABELS", help="Labels of an alert, like 'alertname=disk_full,severity=critical'."
)
def test(receiver: str | None, labels: str | None) -> None:
    """Really send: a message of the kind `test` to every channel of RECEIVER, or with --alert an
    alert with these labels and drill="true" that goes the whole way, by group and route; then show
    what the other side said.
    """
    if bool(receiver) == bool(labels):
        raise click.UsageError("give a RECEIVER or --alert LABELS")
    with context() as ctx:
        if labels:
            _drill(ctx, labels)
            return
        receivers = route.receivers(ctx.config.routes, ctx.settings)
        if receiver is None or receiver not in receivers:
            raise NotFound(f"no receiver {receiver}; there are {', '.join(sorted(receivers))}")
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


def _drill(ctx: Context, text: str) -> None:
    """Raise the alert, go on with it until every route has decided, explain it and end it."""
    labels = {matcher_.name: matcher_.value for matcher_ in matcher.parse(text) if matcher_.op == "="}
    name, severity = labels.pop("alertname", "fire_drill"), labels.pop("severity", "warning")
    about = {"summary": "Fire drill: this tests the notification channels. Nothing is wrong."}
    alerts.raise_event(ctx, name, severity, {**labels, "drill": "true"}, about, DRILL_SECONDS, alerts.DRILL)
    alert_id = max(alert["id"] for alert in alerts.firing(ctx) if alert["source"] == alerts.DRILL)
    click.echo(f"alert {alert_id} {name} is raised; its groups wait as long as their routes say")
    deadline = time.monotonic() + DRILL_SECONDS
    try:
        while time.monotonic() < deadline:
            for job in service.flush(ctx):
                service.deliver(ctx, int(job.args[0]))
            explanation = service.explain(ctx, alert_id)
            if all(_is_settled(group) for group in explanation["groups"]):
                break
            time.sleep(0.2)
    finally:
        alerts.resolve(ctx, alert_id, "the fire drill")
    for line in explained(explanation):
        click.echo(line)
    if not any(message["state"] == "sent" for group in explanation["groups"] for message in group["messages"]):
        sys.exit(1)


def _is_settled(group: dict[str, Any]) -> bool:
    """Tell whether it is decided what becomes of the alert in a group, and each message was
    tried.
    """
    return bool(group["decisions"]) and all(message["attempts"] or message["error"] for message in group["messages"])


def _send(ctx: Context, receiver: str) -> list[int]:
    """Put the message into the outbox and deliver it from here; a worker that was quicker did it
    already.
    """
    payload: dict[str, Any] = {
        "kind": "test",
        "status": "test",
        "title": f"Test message from memmon on {socket.gethostname()}",
        "lines": ["If you read this, notifications reach you. Nothing is wrong."],
        "external_url": ctx.settings.external_url,
    }
    jobs = service.enqueue(ctx, receiver, payload, f"test:{uuid.uuid4()}")
    numbers = [int(job.args[0]) for job in jobs]
    for notification_id in numbers:
        service.deliver(ctx, notification_id)
    return numbers


def _outcome(ctx: Context, numbers: list[int]) -> list[dict[str, Any]]:
    """Return the messages once each was tried."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = [row for row in service.recent(ctx, 200) if row["id"] in numbers]
        if all(row["attempts"] for row in rows) or time.monotonic() > deadline:
            return rows
        time.sleep(0.2)
