"""`memmon maintenance`: windows during which matching alerts are not notified."""

from __future__ import annotations

from typing import Any

import click

from memmon import duration, encode
from memmon.cli.common import as_json, by_option, context, show_json, table
from memmon.errors import BadInput
from memmon.routing import maintenance as service
from memmon.routing import matcher


@click.group()
def maintenance() -> None:
    """Plan, approve and end maintenance windows."""


def when(command: Any) -> Any:
    """Add the options of a schedule."""
    options = (
        click.option("--for", "length", required=True, metavar="DURATION", help="How long it lasts, like 2h."),
        click.option(
            "--at", "start", metavar="TIME", help="When it begins, like 2026-01-01T22:00:00Z; now by default."
        ),
        click.option("--until", metavar="TIME", help="No occurrence begins after it."),
        click.option("--weekly", metavar="DAYS", help="Every week on these days, like monday,thursday, at --time."),
        click.option("--time", "clock", default="00:00", show_default=True, metavar="HH:MM"),
        click.option("--cron", metavar="FIELDS", help="Five fields of crontab(5), like '0 2 * * sat'."),
        click.option("--rrule", metavar="RULE", help="A recurrence rule of RFC 5545, like 'FREQ=MONTHLY;BYDAY=1SU'."),
        click.option("--timezone", default="UTC", show_default=True, help="Whose clocks count."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def schedule(
    length: str,
    start: str | None,
    until: str | None,
    weekly: str | None,
    clock: str,
    cron: str | None,
    rrule: str | None,
    timezone: str,
) -> dict[str, Any]:
    """Return a schedule as its options say."""
    recurrences = {name: value for name, value in (("weekly", weekly), ("cron", cron), ("rrule", rrule)) if value}
    if len(recurrences) > 1:
        raise click.UsageError("give at most one of --weekly, --cron and --rrule")
    schedule_: dict[str, Any] = {"kind": next(iter(recurrences), "once"), "duration": duration.parse(length, "--for")}
    schedule_ |= {"timezone": timezone, "cron": cron, "rrule": rrule}
    if weekly:
        schedule_ |= {"days": weekly.lower().split(","), "time": clock}
    for name, text in (("start", start), ("until", until)):
        if text:
            try:
                schedule_[name] = encode.seconds_of(text)
            except (ValueError, OverflowError):
                raise BadInput(name, "must be a time like 2026-01-01T12:00:00Z") from None
    return schedule_


@maintenance.command("list")
@as_json
def list_command(as_json: bool) -> None:
    """Show the windows that hold or will come again."""
    with context() as ctx:
        windows = service.windows(ctx)
    if as_json:
        show_json(windows)
        return
    rows = [
        [
            window["id"],
            window["name"],
            window["state"],
            window["next"][0]["start"] if window["next"] else None,
            window["next"][0]["end"] if window["next"] else None,
            ", ".join(f"{m['name']}{matcher.op_of(m)}{m['value']}" for m in window["matchers"]),
            window["created_by"],
        ]
        for window in windows
    ]
    table("Maintenance", ("id", "name", "state", "from", "to", "matchers", "by"), rows)


@maintenance.command()
@click.argument("name")
@click.argument("matchers", nargs=-1, required=True)
@when
@click.option("--comment", default="", help="Why.")
@click.option("--needs-approval", is_flag=True, help="It suppresses nothing until another person approves it.")
@by_option
def plan(name: str, matchers: tuple[str, ...], comment: str, needs_approval: bool, by: str, **options: Any) -> None:
    """Plan a window called NAME for the alerts that all MATCHERS match."""
    parsed = [matcher_ for text in matchers for matcher_ in matcher.parse(text)]
    with context() as ctx:
        window = service.plan(ctx, name, parsed, schedule(**options), by, comment, needs_approval)
    click.echo(
        f"maintenance {window['id']} {window['state']}, from {window['next'][0]['start']} to {window['next'][0]['end']}"
    )


@maintenance.command()
@when
def preview(**options: Any) -> None:
    """Show the next occurrences of a schedule, without planning anything."""
    with context() as ctx:
        for occurrence in service.preview(schedule(**options), ctx.now()):
            click.echo(f"{occurrence['start']}  {occurrence['end']}")


@maintenance.command()
@click.argument("window_id", metavar="NUMBER", type=int)
@by_option
def approve(window_id: int, by: str) -> None:
    """Approve the window NUMBER that another person planned."""
    with context() as ctx:
        service.approve(ctx, window_id, by)
    click.echo(f"maintenance {window_id}: approved by {by}")


@maintenance.command()
@click.argument("window_id", metavar="NUMBER", type=int)
@by_option
def end(window_id: int, by: str) -> None:
    """End the occurrence of the window NUMBER that holds now."""
    with context() as ctx:
        service.end(ctx, window_id, by)
    click.echo(f"maintenance {window_id}: ended")


@maintenance.command()
@click.argument("window_id", metavar="NUMBER", type=int)
def cancel(window_id: int) -> None:
    """Forget the window NUMBER."""
    with context() as ctx:
        service.cancel(ctx, window_id)
    click.echo(f"maintenance {window_id}: cancelled")
