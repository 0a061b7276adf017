"""`memmon incidents`: what happens, and what people decide about it.

Jobs that follow from a decision are not sent from here: their rows are due, and the workers' next tick, a second away, finds them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from memmon.cli.common import as_json, by_option, console, context, show_json, table
from memmon.incidents import service
from memmon.incidents.record import STATES


@click.group()
def incidents() -> None:
    """List, show and steer incidents."""


@incidents.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only these; `open` means not resolved.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@as_json
def list_command(state: str | None, limit: int, as_json: bool) -> None:
    """Show the newest incidents."""
    with context() as ctx:
        found = service.listing(ctx, state=state, limit=limit)
    if as_json:
        show_json(found)
        return
    columns = ("id", "title", "severity", "state", "opened_at", "minutes_open", "mttr_target_minutes")
    rows = [[row[column] for column in columns] + [row["escalation"]["level"]] for row in found["incidents"]]
    table(f"Incidents ({found['total']})", (*columns, "level"), rows)


@incidents.command()
@click.argument("number", type=int)
@as_json
def show(number: int, as_json: bool) -> None:
    """Show incident NUMBER with its stages, actions and timeline."""
    with context() as ctx:
        found = service.show(ctx, number)
    if as_json:
        show_json(found)
        return
    escalation = found["escalation"]
    table(
        f"Incident {number}: {found['title']}",
        ("severity", "state", "playbook", "opened", "resolved", "target (min)", "open (min)", "level", "next page"),
        [
            [
                *(found[name] for name in ("severity", "state", "playbook", "opened_at", "resolved_at")),
                *(
                    found["mttr_target_minutes"],
                    found["minutes_open"],
                    escalation["level"],
                    escalation["next_level_at"],
                ),
            ]
        ],
    )
    table("Stages", ("stage", "due", "state"), [[s["name"], s["due_at"], s["state"]] for s in found["stages"]])
    table(
        "Actions", ("n", "stage", "action", "state", "attempts", "output"), [_action(one) for one in found["actions"]]
    )
    table(
        "Timeline", ("at", "kind", "by", "text"), [[e["at"], e["kind"], e["by"], e["text"]] for e in found["timeline"]]
    )


def _action(one: dict[str, Any]) -> list[Any]:
    output = one["results"][-1]["output"] if one["results"] else None
    return [one["number"], one["stage"], one["action"], one["state"], one["attempts"], output]


def _decision(name: str, verb: Callable[..., Any], about: str, needs_comment: bool = False) -> None:
    """Add the command `name`, which does one of the service's verbs to an incident."""

    @incidents.command(name, help=about)
    @click.argument("number", type=int)
    @click.option("--comment", required=needs_comment, help="What the record says about it.")
    @by_option
    def command(number: int, comment: str | None, by: str) -> None:
        with context() as ctx:
            shown, _ = verb(ctx, number, by, comment or "")
        click.echo(f"incident {number}: {shown['state']}, {name} by {by}")


_decision("ack", service.acknowledge, "Acknowledge incident NUMBER: nobody else is paged.")
_decision("resolve", service.resolve, "Close incident NUMBER by hand.")
_decision("escalate", service.escalate, "Page the next level of incident NUMBER now.")
_decision("note", service.note, "Write --comment into the record of incident NUMBER.", needs_comment=True)


def _approval(name: str, approve: bool, about: str) -> None:
    @incidents.command(name, help=about)
    @click.argument("number", type=int)
    @click.argument("action", type=int)
    @click.option("--comment", default="", help="What the record says about it.")
    @by_option
    def command(number: int, action: int, comment: str, by: str) -> None:
        with context() as ctx:
            service.decide(ctx, number, action, approve, by, comment)
        click.echo(f"incident {number}, action {action}: {name} by {by}")


_approval("approve", True, "Let ACTION of incident NUMBER be done.")
_approval("reject", False, "Leave ACTION of incident NUMBER undone.")


@incidents.command()
@click.argument("number", type=int)
def postmortem(number: int) -> None:
    """Print a first draft of the report on incident NUMBER, in Markdown."""
    with context() as ctx:
        console().print(service.postmortem(ctx, number), markup=False, soft_wrap=True)
