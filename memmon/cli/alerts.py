"""`memmon alerts`: what fires, and to acknowledge or silence it."""

from __future__ import annotations

import click

from memmon import duration
from memmon.alerts import service
from memmon.cli.common import as_json, by_option, context, labels, show_json, table
from memmon.routing import matcher
from memmon.routing import service as routing


@click.group()
def alerts() -> None:
    """List, acknowledge and silence alerts."""


@alerts.command("list")
@as_json
def list_command(as_json: bool) -> None:
    """Show what is pending and firing."""
    with context() as ctx:
        found = service.active(ctx)
        muted = routing.suppressed(ctx)
    for alert in found:
        alert["held"] = [one._asdict() for one in muted.get(alert["id"], [])]
    if as_json:
        show_json(found)
        return
    rows = [
        [
            alert["id"],
            alert["name"],
            alert["severity"],
            alert["held"][0]["text"] if alert["held"] else alert["state"],
            f"by {alert['acknowledged_by']}" if alert["acknowledged_by"] else None,
            alert["value"],
            alert["created_at"],
            labels(alert["labels"]),
        ]
        for alert in found
    ]
    table("Alerts", ("id", "name", "severity", "state", "acknowledged", "value", "since", "labels"), rows)


@alerts.command()
@click.argument("number", type=int)
@click.option("--comment", default="", help="What the record says about it.")
@by_option
def ack(number: int, comment: str, by: str) -> None:
    """Acknowledge the firing alert NUMBER: its notifications are not repeated."""
    with context() as ctx:
        shown = service.acknowledge(ctx, number, by, comment)
    click.echo(f"alert {number} {shown['name']}: acknowledged by {by}")


@alerts.command()
@click.argument("matchers", nargs=-1, required=True)
@click.option("--for", "length", default="1h", show_default=True, metavar="DURATION", help="How long, like 30m or 2h.")
@click.option("--comment", default="", help="Why.")
@by_option
def silence(matchers: tuple[str, ...], length: str, comment: str, by: str) -> None:
    """Mute the alerts that all MATCHERS match, like alertname=database_slow or severity=~"info|warning"."""
    wanted = [one for text in matchers for one in matcher.parse(text)]
    with context() as ctx:
        made = routing.silence(ctx, wanted, duration.parse(length, "--for"), by, comment)
    click.echo(f"silence {made['id']} holds until {made['endsAt']}")
