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
        found = oncall_service.overview(ctx)
    if as_json:
        show_json(found)
        return
    if not found:
        click.echo("no schedule is configured; see docs/playbooks.md on escalation.yml")
        return
    rows = [
        [
            one["schedule"],
            one["now"]["contact"] or "nobody",
            one["now"]["why"],
            one["now"]["phone"],
            one["now"]["end"],
            one["next"]["contact"] if one["next"] else None,
        ]
        for one in found
    ]
    table("On call", ("schedule", "now", "by", "phone", "until", "then"), rows)
    for one in found:
        for gap in one["gaps"]:
            click.echo(f"gap in {one['schedule']}: nobody from {gap['start']} to {gap['end']}")
        _say_calendar(one)


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
        found = oncall_service.schedule(ctx, name, days)
    if as_json:
        show_json(found)
        return
    rows = [[one["start"], one["end"], one["contact"] or "nobody", one["why"]] for one in found["shifts"]]
    table(f"{name} ({found['timezone']})", ("from", "to", "who", "by"), rows)
    if found["overrides"]:
        rows = [[o["id"], o["start"], o["end"], o["contact"], o["by"]] for o in found["overrides"]]
        table("Overrides", ("id", "from", "to", "who", "made by"), rows)
    _say_calendar(found)


def _say_calendar(found: dict[str, Any]) -> None:
    """Say what is wrong with the calendar of a schedule."""
    about = found["calendar"]
    if about is None:
        return
    if about["error"]:
        held = f"the copy of {about['fetched_at']} holds" if about["fetched_at"] else "the rotations hold"
        click.echo(f"calendar of {found['schedule']}: {about['error']}; {held}")
    for one in about["left_out"]:
        click.echo(f"calendar of {found['schedule']}: left out: {one}")


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
        made = oncall_service.override(ctx, name or _only(ctx), contact, begin, over, by)
    click.echo(
        f"override {made['id']}: {contact} is on call in {made['schedule']} from {made['start']} to {made['end']}"
    )


def _only(ctx: Context) -> str:
    known = [one.name for one in ctx.config.escalation.schedules]
    if len(known) != 1:
        raise NotFound(f"which schedule? There are: {', '.join(known) or 'none'}")
    return known[0]


def _time(text: str, option: str) -> float:
    try:
        return encode.seconds_of(text)
    except (ValueError, OverflowError):
        raise BadInput(option, "must be a time like 2026-01-01T12:00:00Z") from None
