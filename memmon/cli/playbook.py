"""`memmon playbook`: list, check, run and review playbooks."""

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
        overview = playbook_catalogue.overview(ctx)
    if as_json:
        show_json(overview)
        return
    rows = [
        [
            playbook["name"],
            playbook["severity"],
            f"{playbook['mttr_target_minutes']:g} min",
            _match(playbook["match"]),
            playbook["chain"],
            ", ".join(stage["name"] for stage in playbook["stages"]),
        ]
        for playbook in overview["playbooks"]
    ]
    table("Playbooks", ("name", "severity", "target", "match", "chain", "stages"), rows)
    if overview["dry_run"]:
        click.echo("dry_run is set: nothing is done")


def _match(match: dict[str, Any]) -> str:
    conditions = [", ".join(match.get(name, ())) for name in ("alerts", "events", "severities")]
    conditions += [f"{name}={value}" for name, value in match.get("labels", {}).items()]
    return "; ".join(part for part in conditions if part) or "everything"


@playbook.command()
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show playbook NAME with its stages and steps."""
    with context() as ctx:
        playbook = playbook_catalogue.show(ctx, name)
    if as_json:
        show_json(playbook)
        return
    rows = []
    for stage in playbook["stages"]:
        rows.append([stage["name"], duration.show(stage["due"]), "", f"when {stage['when']}" if stage["when"] else ""])
        for step in stage["steps"]:
            together = step.get("parallel", [step])
            for parallel_step in together:
                mark = "| " if len(together) > 1 else ""
                rows.append(["", "", mark + parallel_step["action"], _step(parallel_step)])
    target = duration.show(playbook["mttr_target"])
    title = f"{playbook['name']}: {playbook['severity']}, target {target}, chain {playbook['chain']}"
    table(title, ("stage", "due", "action", ""), rows)
    verification = playbook["verification"]
    click.echo(
        f"recovered: nothing fires{' and ' + verification['expr'] if verification['expr'] else ''},"
        f" for {duration.show(verification['hold'])}; checked {duration.show(verification['settle'])} after the last action,"
        f" given to people {duration.show(verification['timeout'])} after it"
    )


def _step(step: dict[str, Any]) -> str:
    texts = [f"{name}={value}" for name, value in step["parameters"].items()]
    texts += [f"when {step['when']}"] if step["when"] else []
    texts += ["while it fires"] if step["while_firing"] else []
    texts += [f"after {duration.show(step['delay'])}"] if step["delay"] else []
    texts += ["with approval"] if step["approval"] else []
    texts += [f"proven by {step['verify']['expr']}"] if step["verify"] else []
    texts += [f"rolled back after {step['rollback']['after']}"] if step["rollback"] else []
    texts += [f"on failure {step['on_failure']}"] if step["on_failure"] != "continue" else []
    return ", ".join(texts)


@playbook.command()
@as_json
def check(as_json: bool) -> None:
    """Check playbooks, escalation and on-call. Errors end with exit status 2; doubtful settings are
    printed.
    """
    stack_check.config(load())
    with context() as ctx:
        ctx.reload_config()
        doubts = playbook_catalogue.doubts(ctx)
        count = len(ctx.config.playbooks.playbooks)
    if as_json:
        show_json({"playbooks": count, "doubts": doubts})
        return
    click.echo(f"{count} playbooks are valid")
    for doubt in doubts:
        click.echo(f"doubt: {doubt}")


@playbook.command()
@click.argument("name")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of the incident; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Decide everything, do nothing.")
@by_option
def run(name: str, labels: tuple[str, ...], dry_run: bool, by: str) -> None:
    """Begin playbook NAME by hand: an incident is opened, and the workers of the running stack
    respond to it.
    """
    label_values = {}
    for option in labels:
        label, sign, value = option.partition("=")
        if not sign or not label:
            raise BadInput("--label", f"{option!r} must be like instance=demo:8081")
        label_values[label] = value
    with context() as ctx:
        incident_id, _ = service.begin(ctx, name, label_values, by, dry_run)
    click.echo(f"incident {incident_id} is open; `memmon incidents show {incident_id}` tells how it goes")


@playbook.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@as_json
def history(name: str | None, limit: int, as_json: bool) -> None:
    """Show the newest incidents of playbook NAME, or of all, and how their actions did."""
    with context() as ctx:
        history = service.playbook_history(ctx, name, limit)
    if as_json:
        show_json(history)
        return
    rows = [
        [
            run["id"],
            run["playbook"] + (" (dry run)" if run["dry_run"] else ""),
            run["title"],
            run["state"],
            run["opened_at"],
            *(_span(run["times"][phase]) for phase in ("acknowledge", "mitigate", "resolve")),
            _span(run["target_seconds"]),
            ", ".join(f"{count} {state}" for state, count in sorted(run["actions"].items())),
        ]
        for run in history
    ]
    columns = ("id", "playbook", "title", "state", "opened", "ack", "mitigate", "resolve", "target", "actions")
    table("History", columns, rows)


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else duration.show(round(seconds))
