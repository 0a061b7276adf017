"""`memmon rules`: checks rule files, runs their unit tests, and tries them over history."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from memmon import duration
from memmon.alerts import rule, rule_tests
from memmon.analysis import backtest as analysis
from memmon.analysis.rule_report import rule_report
from memmon.cli.common import as_json, context, show_json, table
from memmon.config.document import find, read
from memmon.config.routes import Routes
from memmon.config.rules import RuleFile
from memmon.errors import BadConfig

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def rules() -> None:
    """Check, test and try rules."""


@rules.command()
@FILES
def check(files: tuple[Path, ...]) -> None:
    """Say whether rule files are right, and of the first mistake in each its line and key."""
    failed = False
    for path in files:
        try:
            book = rule.book(read(path, RuleFile))
        except BadConfig as error:
            where = find(path, error.value) if error.value else None
            click.echo(f"{where}: {error}" if where else str(error), err=True)
            failed = True
            continue
        click.echo(f"{path}: {len(book.ids)} rules in {len(book.groups)} groups are right")
    sys.exit(1 if failed else 0)


@rules.command()
@FILES
def test(files: tuple[Path, ...]) -> None:
    """Run rule unit tests in the format of `promtool test rules` and print the failures."""
    failed = False
    for path in files:
        missed = rule_tests.run(path)
        for line in missed:
            click.echo(f"{path}: {line}", err=True)
        click.echo(f"{path}: {'FAILED' if missed else 'SUCCESS'}")
        failed = failed or bool(missed)
    sys.exit(1 if failed else 0)


@rules.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--since", default="7d", show_default=True, metavar="DURATION", help="How far back, at most 30d.")
@click.option(
    "--routes",
    "routes_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Routes to try with it; those in force by default.",
)
@as_json
def backtest(file: Path, since: str, routes_file: Path | None, as_json: bool) -> None:
    """Backtest the rules in FILE over stored history: when they would have fired, and which
    receivers would have been notified.
    """
    rule_file = read(file, RuleFile)
    routes = read(routes_file, Routes) if routes_file else None
    with context() as ctx:
        report = analysis.backtest(ctx, rule_file, duration.parse(since, "--since"), routes)
    if as_json:
        show_json(report)
        return
    rows = [
        [
            rule_result["name"],
            rule_result["firings"],
            duration.show(rule_result["firing_seconds"]),
            rule_result["really_fired"],
            rule_result["error"],
        ]
        for rule_result in report["rules"]
    ]
    click.echo(f"{report['from']} to {report['to']}, a look every {duration.show(report['step'])}\n")
    table("Rules", ("alert", "would have fired", "for", "really fired", "error"), rows)
    notifications = report["notifications"]
    table("Notifications", ("receiver", "count"), sorted(notifications["by_receiver"].items()))
    table("Why", ("reason", "count"), sorted(notifications["by_reason"].items()))


@rules.command()
@click.option("--since", default="30d", show_default=True, metavar="DURATION", help="How far back.")
@as_json
def report(since: str, as_json: bool) -> None:
    """Show how the rules did: firings, who cared and how soon, flaps, what never fires and what
    always does.
    """
    with context() as ctx:
        report = rule_report(ctx, duration.parse(since, "--since"))
    if as_json:
        show_json(report)
        return
    rows = [
        [
            rule_stats["rule"],
            rule_stats["firings"],
            None if rule_stats["acknowledged_share"] is None else f"{rule_stats['acknowledged_share']:.0%}",
            None
            if rule_stats["seconds_to_acknowledge"] is None
            else duration.show(round(rule_stats["seconds_to_acknowledge"])),
            rule_stats["flaps"],
            f"{rule_stats['firing_share']:.1%}",
            rule_stats["last_fired_at"],
        ]
        for rule_stats in report["rules"]
    ]
    columns = ("rule", "firings", "acknowledged", "after", "flaps", "time firing", "last")
    click.echo(f"{report['from']} to {report['to']}\n")
    table("Rules", columns, rows)
    for title, names in (("Never fired", report["never_fired"]), ("Nearly always firing", report["always_firing"])):
        if names:
            click.echo(f"{title}: {', '.join(names)}")
