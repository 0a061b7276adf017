"""`memmon playbook`: what is done about incidents, tried and looked back on."""

from __future__ import annotations

from typing import Any

import click

from memmon import duration
from memmon.cli.common import as_json, by_option, context, show_json, table
from memmon.errors import BadInput
from memmon.incidents import playbook_catalogue, service
from memmon.settings import load
from memmon.stack import config_check as stack_check


@click.group()
def playbook() -> None:
    """List, check, run and look back on playbooks."""


@playbook.command("list")
@as_json
def list_command(as_json: bool) -> None:
    """Show every playbook in the order in which they take alerts."""
    with context() as ctx:
        found = playbook_catalogue.overview(ctx)
    if as_json:
        show_json(found)
        return
    rows = [
        [
            one["name"],
            one["severity"],
            f"{one['mttr_target_minutes']:g} min",
            _match(one["match"]),
            one["chain"],
            ", ".join(stage["name"] for stage in one["stages"]),
        ]
        for one in found["playbooks"]
    ]
    table("Playbooks", ("name", "severity", "target", "match", "chain", "stages"), rows)
    if found["dry_run"]:
        click.echo("dry_run is set: nothing is done")


def _match(match: dict[str, Any]) -> str:
    parts = [", ".join(match.get(name, ())) for name in ("alerts", "events", "severities")]
    parts += [f"{name}={value}" for name, value in match.get("labels", {}).items()]
    return "; ".join(part for part in parts if part) or "everything"


@playbook.command()
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show playbook NAME with its stages and steps."""
    with context() as ctx:
        found = playbook_catalogue.show(ctx, name)
    if as_json:
        show_json(found)
        return
    rows = []
    for stage in found["stages"]:
        rows.append([stage["name"], duration.show(stage["due"]), "", f"when {stage['when']}" if stage["when"] else ""])
        for step in stage["steps"]:
            together = step.get("parallel", [step])
            for one in together:
                mark = "| " if len(together) > 1 else ""
                rows.append(["", "", mark + one["action"], _step(one)])
    title = (
        f"{found['name']}: {found['severity']}, target {duration.show(found['mttr_target'])}, chain {found['chain']}"
    )
    table(title, ("stage", "due", "action", ""), rows)
    verification = found["verification"]
    click.echo(
        f"recovered: nothing fires{' and ' + verification['expr'] if verification['expr'] else ''},"
        f" for {duration.show(verification['hold'])}; looked at {duration.show(verification['settle'])} after the last action,"
        f" given to people {duration.show(verification['timeout'])} after it"
    )


def _step(one: dict[str, Any]) -> str:
    said = [f"{name}={value}" for name, value in one["parameters"].items()]
    said += [f"when {one['when']}"] if one["when"] else []
    said += ["while it fires"] if one["while_firing"] else []
    said += [f"after {duration.show(one['delay'])}"] if one["delay"] else []
    said += ["with approval"] if one["approval"] else []
    said += [f"proven by {one['verify']['expr']}"] if one["verify"] else []
    said += [f"taken back after {one['rollback']['after']}"] if one["rollback"] else []
    said += [f"on failure {one['on_failure']}"] if one["on_failure"] != "continue" else []
    return ", ".join(said)


@playbook.command()
@as_json
def check(as_json: bool) -> None:
    """Check playbooks, escalation and on-call: what is wrong ends with status 2, what may not be meant is said."""
    stack_check.config(load())
    with context() as ctx:
        ctx.reload_config()
        doubts = playbook_catalogue.doubts(ctx)
        count = len(ctx.config.playbooks.playbooks)
    if as_json:
        show_json({"playbooks": count, "doubts": doubts})
        return
    click.echo(f"{count} playbooks can be read and name only what there is")
    for one in doubts:
        click.echo(f"doubt: {one}")


@playbook.command()
@click.argument("name")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of the incident; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Decide everything, do nothing.")
@by_option
def run(name: str, labels: tuple[str, ...], dry_run: bool, by: str) -> None:
    """Begin playbook NAME by hand: an incident is opened, and the workers of the running stack respond to it."""
    given = {}
    for one in labels:
        label, sign, value = one.partition("=")
        if not sign or not label:
            raise BadInput("--label", f"{one!r} must be like instance=demo:8081")
        given[label] = value
    with context() as ctx:
        number, _ = service.begin(ctx, name, given, by, dry_run)
    click.echo(f"incident {number} is open; `memmon incidents show {number}` tells how it goes")


@playbook.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@as_json
def history(name: str | None, limit: int, as_json: bool) -> None:
    """Show the newest incidents of playbook NAME, or of all, and how their actions did."""
    with context() as ctx:
        found = service.playbook_history(ctx, name, limit)
    if as_json:
        show_json(found)
        return
    rows = [
        [
            one["id"],
            one["playbook"] + (" (dry run)" if one["dry_run"] else ""),
            one["title"],
            one["state"],
            one["opened_at"],
            *(_span(one["times"][phase]) for phase in ("acknowledge", "mitigate", "resolve")),
            _span(one["target_seconds"]),
            ", ".join(f"{count} {state}" for state, count in sorted(one["actions"].items())),
        ]
        for one in found
    ]
    columns = ("id", "playbook", "title", "state", "opened", "ack", "mitigate", "resolve", "target", "actions")
    table("History", columns, rows)


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else duration.show(round(seconds))
