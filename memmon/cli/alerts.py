"""`memmon alerts`: what fires, and to acknowledge or silence it."""

from __future__ import annotations

from typing import Any

import click

from memmon import duration
from memmon.alerts import service
from memmon.cli.common import as_json, by_option, context, labels, show_json, table
from memmon.incidents import service as incidents
from memmon.notify import service as notify
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
@click.option("--for", "length", default=None, metavar="DURATION", help="How long, like 2h; until it ends by default.")
@by_option
def ack(number: int, comment: str, length: str | None, by: str) -> None:
    """Acknowledge the firing alert NUMBER: its notifications are not repeated."""
    seconds = duration.parse(length, "--for") if length else None
    with context() as ctx:
        shown = incidents.acknowledge_alert(ctx, number, by, comment, seconds)
    until = f" until {shown['acknowledged_until']}" if shown["acknowledged_until"] else ""
    click.echo(f"alert {number} {shown['name']}: acknowledged by {by}{until}")


@alerts.command()
@click.argument("number", type=int)
def unack(number: int) -> None:
    """Take back that somebody cares about the alert NUMBER."""
    with context() as ctx:
        shown = service.unacknowledge(ctx, number)
    click.echo(f"alert {number} {shown['name']}: no longer acknowledged")


@alerts.command()
@click.argument("number", type=int)
@as_json
def explain(number: int, as_json: bool) -> None:
    """Say why somebody was told of the alert NUMBER, or was not."""
    with context() as ctx:
        found = notify.explain(ctx, number)
    if as_json:
        show_json(found)
        return
    for line in explained(found):
        click.echo(line)


def explained(found: dict[str, Any]) -> list[str]:
    """Return a decision trace as lines."""
    alert, rule = found["alert"], found["rule"]
    limit = f", limit {alert['threshold']:g}" if alert["threshold"] is not None else ""
    value = f" with value {alert['value']:g}{limit}" if alert["value"] is not None else ""
    lines = [
        f"Alert {alert['id']} {alert['name']}: {alert['state']}{value}, since {alert['created_at']}",
        *found["verdict"],
    ]
    lines.append(f"Rule {rule['id']}: {rule['expr']}" if "expr" in rule else f"Raised by {rule['source']} {rule['id']}")
    for one in found["routes"]:
        muted = f", muted: {'; '.join(one['muted_by'])}" if one["muted_by"] else ""
        lines.append(f"Route {one['route']} to {one['receiver']}, group {one['group_key']}{muted}")
    for group in found["groups"]:
        lines.append(f"In the group {group['group']} since {group['placed_at']}")
        for one in group["decisions"]:
            why = "; ".join(held["text"] for held in one["held"]) or ", ".join(
                f"{c}: {r}" for c, r in one["channels"].items()
            )
            lines.append(f"  {one['at']} {one['state']}, {one['count']}x: {why}")
        for one in group["messages"]:
            lines.append(f"  {one['created_at']} {one['channel']} {one['state']}: {one['reason']}")
            lines += [f"    {a['at']} {a['outcome']} in {a['seconds']:.3g} s: {a['answer']}" for a in one["attempts"]]
    return lines


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
