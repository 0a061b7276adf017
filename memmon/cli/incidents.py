"""`memmon incidents`: what happens, and what people decide about it.

Jobs that follow from a decision are not sent from here: their rows are due, and the workers' next
tick, a second away, finds them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from memmon import duration
from memmon.cli.common import as_json, by_option, console, context, show_json, table
from memmon.errors import Permanent
from memmon.incidents import service
from memmon.incidents.queries import STATES
from memmon.incidents.stats import PHASES


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
        page = service.listing(ctx, state=state, limit=limit)
    if as_json:
        show_json(page)
        return
    columns = ("id", "title", "severity", "state", "opened_at", "minutes_open", "mttr_target_minutes")
    rows = [[row[column] for column in columns] + [row["escalation"]["level"]] for row in page["incidents"]]
    table(f"Incidents ({page['total']})", (*columns, "level"), rows)


@incidents.command()
@click.argument("incident_id", metavar="NUMBER", type=int)
@as_json
def show(incident_id: int, as_json: bool) -> None:
    """Show incident NUMBER with its stages, actions and timeline."""
    with context() as ctx:
        incident = service.show(ctx, incident_id)
    if as_json:
        show_json(incident)
        return
    escalation = incident["escalation"]
    table(
        f"Incident {incident_id}: {incident['title']}",
        ("severity", "state", "playbook", "opened", "resolved", "target (min)", "open (min)", "level", "next page"),
        [
            [
                *(incident[name] for name in ("severity", "state", "playbook", "opened_at", "resolved_at")),
                *(
                    incident["mttr_target_minutes"],
                    incident["minutes_open"],
                    escalation["level"],
                    escalation["next_level_at"],
                ),
            ]
        ],
    )
    levels = [
        [
            level["name"],
            level["at"],
            "paged" if rank <= escalation["level"] else None,
            ", ".join(level["people"] or level["receivers"]),
        ]
        for rank, level in enumerate(escalation["levels"], start=1)
    ]
    table(f"Escalation by chain {escalation['chain']}", ("level", "due", "state", "who, as of now"), levels)
    table("Stages", ("stage", "due", "state"), [[s["name"], s["due_at"], s["state"]] for s in incident["stages"]])
    table(
        "Actions",
        ("n", "stage", "action", "state", "attempts", "output"),
        [_action(action) for action in incident["actions"]],
    )
    _timeline(incident)


@incidents.command()
@click.argument("incident_id", metavar="NUMBER", type=int)
@as_json
def timeline(incident_id: int, as_json: bool) -> None:
    """Show what happened in incident NUMBER, line by line."""
    with context() as ctx:
        incident = service.show(ctx, incident_id)
    if as_json:
        show_json(incident["timeline"])
        return
    _timeline(incident)


def _timeline(incident: dict[str, Any]) -> None:
    rows = [[e["seq"], e["at"], e["kind"], e["by"], e["text"]] for e in incident["timeline"]]
    table("Timeline", ("line", "at", "kind", "by", "text"), rows)


def _action(action: dict[str, Any]) -> list[Any]:
    output = action["results"][-1]["output"] if action["results"] else None
    return [action["number"], action["stage"], action["action"], action["state"], action["attempts"], output]


def _decision(name: str, verb: Callable[..., Any], about: str, needs_comment: bool = False) -> None:
    """Add the command `name`, which does one of the service's verbs to an incident."""

    @incidents.command(name, help=about)
    @click.argument("incident_id", metavar="NUMBER", type=int)
    @click.option("--comment", required=needs_comment, help="What the record says about it.")
    @by_option
    def command(incident_id: int, comment: str | None, by: str) -> None:
        with context() as ctx:
            incident, _ = verb(ctx, incident_id, by, comment or "")
        click.echo(f"incident {incident_id}: {incident['state']}, {name} by {by}")


_decision("ack", service.acknowledge, "Acknowledge incident NUMBER: nobody else is paged.")
_decision("takeover", service.take_over, "Take over incident NUMBER.")
_decision("resolve", service.resolve, "Close incident NUMBER by hand.")
_decision("escalate", service.escalate, "Page the next level of incident NUMBER now.")
_decision("note", service.note, "Write --comment into the record of incident NUMBER.", needs_comment=True)


def _approval(name: str, approve: bool, about: str) -> None:
    @incidents.command(name, help=about)
    @click.argument("incident_id", metavar="NUMBER", type=int)
    @click.argument("action", type=int)
    @click.option("--comment", default="", help="What the record says about it.")
    @by_option
    def command(incident_id: int, action: int, comment: str, by: str) -> None:
        with context() as ctx:
            # A user of this shell can write the database anyway, so the name is not verified.
            service.decide(ctx, incident_id, action, approve, by, comment, known_as=(by,))
        click.echo(f"incident {incident_id}, action {action}: {name} by {by}")


_approval("approve", True, "Let ACTION of incident NUMBER be done.")
_approval("reject", False, "Leave ACTION of incident NUMBER undone.")


@incidents.command()
@click.argument("incident_id", metavar="NUMBER", type=int)
@click.option("--for", "length", required=True, metavar="DURATION", help="How long, like 30m.")
@click.option("--comment", default="", help="What the record says about it.")
@by_option
def snooze(incident_id: int, length: str, comment: str, by: str) -> None:
    """Pause pages for incident NUMBER for a while; escalation resumes afterwards."""
    with context() as ctx:
        incident, _ = service.snooze(ctx, incident_id, by, duration.parse(length, "--for"), comment)
    click.echo(f"incident {incident_id}: nobody is paged until {incident['acknowledged_until']}")


@incidents.command()
@click.argument("incident_id", metavar="NUMBER", type=int)
@click.argument("into", type=int)
@click.option("--comment", default="", help="What the record says about it.")
@by_option
def merge(incident_id: int, into: int, comment: str, by: str) -> None:
    """Make incident NUMBER a part of INTO."""
    with context() as ctx:
        service.merge(ctx, incident_id, into, by, comment)
    click.echo(f"incident {incident_id} is part of incident {into} now")


@incidents.command()
@click.argument("incident_id", metavar="NUMBER", type=int)
@click.argument("sources", nargs=-1, required=True)
@click.option("--comment", default="", help="What the record says about it.")
@by_option
def split(incident_id: int, sources: tuple[str, ...], comment: str, by: str) -> None:
    """Open another incident for some SOURCES (ids, or alert:ID and event:ID where an id is both) of
    incident NUMBER.
    """
    with context() as ctx:
        incident, _ = service.split(ctx, incident_id, list(sources), by, comment)
    click.echo(f"incident {incident['id']} is open for {len(sources)} of them")


@incidents.command()
@click.argument("incident_id", metavar="NUMBER", type=int)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write it there, with its charts beside it."
)
def postmortem(incident_id: int, out: Path | None) -> None:
    """Print a first draft of the report on incident NUMBER, in Markdown."""
    with context() as ctx:
        if out is None:
            console().print(service.postmortem(ctx, incident_id), markup=False, soft_wrap=True)
            return
        text, charts = service.postmortem_files(ctx, incident_id)
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"INC-{incident_id}.md"
        path.write_text(text, encoding="utf-8")
        for name, drawing in charts.items():
            (out / name).write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise Permanent(f"{out} cannot be written: {error.strerror or error}") from error
    click.echo(f"{path}, with {len(charts)} charts")


@incidents.command()
@click.option("--days", type=click.FloatRange(0, 366, min_open=True), default=30, show_default=True)
@as_json
def stats(days: float, as_json: bool) -> None:
    """Show how the incidents of the last days went, against their targets."""
    with context() as ctx:
        stats = service.stats(ctx, days)
    if as_json:
        show_json(stats)
        return
    groups = [("all", stats), *stats["by_severity"].items(), *stats["by_playbook"].items()]
    rows = [
        [
            name,
            group["incidents"],
            group["open"],
            group["within_target"],
            *(_spread(group["times"][phase]) for phase in PHASES),
        ]
        for name, group in groups
    ]
    table(
        f"Incidents of {days:g} days; times as median and worst",
        ("", "incidents", "open", "in time", *PHASES),
        rows,
    )


def _spread(times: dict[str, Any]) -> str | None:
    if not times["count"]:
        return None
    return f"{duration.about(times['median'])}, {duration.about(times['worst'])}"


@incidents.command()
@click.option("--accept", metavar="WHY", help="Accept the known problems: later audits check only newer entries.")
@by_option
@as_json
def verify(accept: str | None, by: str, as_json: bool) -> None:
    """Verify the audit log. Changed or missing entries are listed, and the exit status is 1."""
    with context() as ctx:
        report = service.verify(ctx) if accept is None else service.accept(ctx, by, accept)
    if as_json:
        show_json(report)
    else:
        for problem in report["problems"]:
            where = f" of incident {problem['incident_id']}" if problem["incident_id"] else ""
            click.echo(f"line {problem['seq']}{where} {problem['what']}")
        click.echo(f"{report['lines']} lines, {len(report['problems']) or 'no'} problems")
    if report["problems"] and accept is None:
        raise SystemExit(1)
