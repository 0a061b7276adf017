"""`memmon oncall`: who is on call, who will be, and who instead."""

from __future__ import annotations

from typing import Any

import click

from memmon import duration, encode
from memmon.cli.common import as_json, by_option, context, show_json, table
from memmon.context import Context
from memmon.errors import BadInput, NotFound
from memmon.oncall import service as oncall_service


@click.group()
def oncall() -> None:
    """Show and change who is on call."""


@oncall.command()
@as_json
def who(as_json: bool) -> None:
    """Show who is on call now, who is next, and gaps of the days that come."""
    with context() as ctx:
        schedules = oncall_service.overview(ctx)
    if as_json:
        show_json(schedules)
        return
    if not schedules:
        click.echo("no schedule is configured; see docs/playbooks.md on escalation.yml")
        return
    rows = [
        [
            schedule_["schedule"],
            schedule_["now"]["contact"] or "nobody",
            schedule_["now"]["why"],
            schedule_["now"]["phone"],
            schedule_["now"]["end"],
            schedule_["next"]["contact"] if schedule_["next"] else None,
        ]
        for schedule_ in schedules
    ]
    table("On call", ("schedule", "now", "by", "phone", "until", "then"), rows)
    for schedule_ in schedules:
        for gap in schedule_["gaps"]:
            click.echo(f"gap in {schedule_['schedule']}: nobody from {gap['start']} to {gap['end']}")
        _say_calendar(schedule_)


@oncall.command()
@click.argument("name", required=False)
@click.option("--days", type=click.FloatRange(0, 366, min_open=True), default=14, show_default=True)
@click.option("--ical", is_flag=True, help="Print a calendar (RFC 5545) instead.")
@as_json
def schedule(name: str | None, days: float, ical: bool, as_json: bool) -> None:
    """Show the shifts of schedule NAME; of the only one where there is one."""
    with context() as ctx:
        name = name or _only(ctx)
        if ical:
            click.echo(oncall_service.calendar(ctx, name, days), nl=False)
            return
        plan = oncall_service.schedule(ctx, name, days)
    if as_json:
        show_json(plan)
        return
    rows = [[shift["start"], shift["end"], shift["contact"] or "nobody", shift["why"]] for shift in plan["shifts"]]
    table(f"{name} ({plan['timezone']})", ("from", "to", "who", "by"), rows)
    if plan["overrides"]:
        rows = [[o["id"], o["start"], o["end"], o["contact"], o["by"]] for o in plan["overrides"]]
        table("Overrides", ("id", "from", "to", "who", "made by"), rows)
    _say_calendar(plan)


def _say_calendar(schedule_: dict[str, Any]) -> None:
    """Print the problems of a schedule's calendar."""
    about = schedule_["calendar"]
    if about is None:
        return
    if about["error"]:
        source = f"the copy of {about['fetched_at']} holds" if about["fetched_at"] else "the rotations hold"
        click.echo(f"calendar of {schedule_['schedule']}: {about['error']}; {source}")
    for problem in about["left_out"]:
        click.echo(f"calendar of {schedule_['schedule']}: left out: {problem}")


@oncall.command()
@click.argument("contact", required=False)
@click.option("--schedule", "name", help="The schedule; the only one where there is one.")
@click.option("--from", "start", metavar="TIME", help="When it begins, like 2026-01-01T22:00:00Z; now by default.")
@click.option("--to", "end", metavar="TIME", help="When it ends.")
@click.option("--for", "length", metavar="DURATION", help="How long it lasts, like 8h, instead of --to.")
@click.option("--withdraw", type=int, metavar="ID", help="Take an override back instead.")
@by_option
def override(
    contact: str | None,
    name: str | None,
    start: str | None,
    end: str | None,
    length: str | None,
    withdraw: int | None,
    by: str,
) -> None:
    """Let CONTACT be on call instead of who would be."""
    with context() as ctx:
        if withdraw is not None:
            oncall_service.withdraw(ctx, withdraw, by)
            click.echo(f"override {withdraw} is withdrawn")
            return
        if contact is None or (end is None) == (length is None):
            raise click.UsageError("give CONTACT, and one of --to and --for")
        begin = _time(start, "--from") if start else ctx.now()
        over = _time(end, "--to") if end else begin + duration.parse(length or "", "--for")
        override = oncall_service.override(ctx, name or _only(ctx), contact, begin, over, by)
    click.echo(
        f"override {override['id']}: {contact} is on call in {override['schedule']} from {override['start']} to {override['end']}"
    )


def _only(ctx: Context) -> str:
    names = [schedule_.name for schedule_ in ctx.config.escalation.schedules]
    if len(names) != 1:
        raise NotFound(f"which schedule? There are: {', '.join(names) or 'none'}")
    return names[0]


def _time(text: str, option: str) -> float:
    try:
        return encode.seconds_of(text)
    except (ValueError, OverflowError):
        raise BadInput(option, "must be a time like 2026-01-01T12:00:00Z") from None
