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
    """Show pending and firing alerts."""
    with context() as ctx:
        alerts = service.active(ctx)
        muted = routing.suppressed(ctx)
    for alert in alerts:
        alert["held"] = [suppression._asdict() for suppression in muted.get(alert["id"], [])]
    if as_json:
        show_json(alerts)
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
        for alert in alerts
    ]
    table("Alerts", ("id", "name", "severity", "state", "acknowledged", "value", "since", "labels"), rows)


@alerts.command()
@click.argument("alert_id", metavar="NUMBER", type=int)
@click.option("--comment", default="", help="What the record says about it.")
@click.option("--for", "length", default=None, metavar="DURATION", help="How long, like 2h; until it ends by default.")
@by_option
def ack(alert_id: int, comment: str, length: str | None, by: str) -> None:
    """Acknowledge the firing alert NUMBER: its notifications are not repeated."""
    seconds = duration.parse(length, "--for") if length else None
    with context() as ctx:
        alert = incidents.acknowledge_alert(ctx, alert_id, by, comment, seconds)
    until = f" until {alert['acknowledged_until']}" if alert["acknowledged_until"] else ""
    click.echo(f"alert {alert_id} {alert['name']}: acknowledged by {by}{until}")


@alerts.command()
@click.argument("alert_id", metavar="NUMBER", type=int)
def unack(alert_id: int) -> None:
    """Remove the acknowledgement of the alert NUMBER."""
    with context() as ctx:
        alert = service.unacknowledge(ctx, alert_id)
    click.echo(f"alert {alert_id} {alert['name']}: no longer acknowledged")


@alerts.command()
@click.argument("alert_id", metavar="NUMBER", type=int)
@as_json
def explain(alert_id: int, as_json: bool) -> None:
    """Explain why receivers were notified of the alert NUMBER, or were not."""
    with context() as ctx:
        explanation = notify.explain(ctx, alert_id)
    if as_json:
        show_json(explanation)
        return
    for line in explained(explanation):
        click.echo(line)


def explained(explanation: dict[str, Any]) -> list[str]:
    """Return a decision trace as lines."""
    alert, rule = explanation["alert"], explanation["rule"]
    limit = f", limit {alert['threshold']:g}" if alert["threshold"] is not None else ""
    value = f" with value {alert['value']:g}{limit}" if alert["value"] is not None else ""
    lines = [
        f"Alert {alert['id']} {alert['name']}: {alert['state']}{value}, since {alert['created_at']}",
        *explanation["verdict"],
    ]
    lines.append(f"Rule {rule['id']}: {rule['expr']}" if "expr" in rule else f"Raised by {rule['source']} {rule['id']}")
    for route in explanation["routes"]:
        muted = f", muted: {'; '.join(route['muted_by'])}" if route["muted_by"] else ""
        lines.append(f"Route {route['route']} to {route['receiver']}, group {route['group_key']}{muted}")
    for group in explanation["groups"]:
        lines.append(f"In the group {group['group']} since {group['placed_at']}")
        for route in group["decisions"]:
            why = "; ".join(suppression["text"] for suppression in route["held"]) or ", ".join(
                f"{c}: {r}" for c, r in route["channels"].items()
            )
            lines.append(f"  {route['at']} {route['state']}, {route['count']}x: {why}")
        for route in group["messages"]:
            lines.append(f"  {route['created_at']} {route['channel']} {route['state']}: {route['reason']}")
            lines += [f"    {a['at']} {a['outcome']} in {a['seconds']:.3g} s: {a['answer']}" for a in route["attempts"]]
    return lines


@alerts.command()
@click.argument("matchers", nargs=-1, required=True)
@click.option("--for", "length", default="1h", show_default=True, metavar="DURATION", help="How long, like 30m or 2h.")
@click.option("--comment", default="", help="Why.")
@by_option
def silence(matchers: tuple[str, ...], length: str, comment: str, by: str) -> None:
    """Mute the alerts that all MATCHERS match, like alertname=database_slow or
    severity=~"info|warning".
    """
    parsed = [matcher_ for text in matchers for matcher_ in matcher.parse(text)]
    with context() as ctx:
        silence_id = routing.silence(ctx, parsed, duration.parse(length, "--for"), by, comment)
    click.echo(f"silence {silence_id['id']} holds until {silence_id['endsAt']}")
