"""`memmon query`: ask in PromQL, and hold the language to Prometheus' own tests."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import click

from memmon import duration, encode
from memmon import labels as label_sets
from memmon.cli.common import context
from memmon.metrics import service
from memmon.promql import conformance as suite
from memmon.promql import numbers
from memmon.promql.exact.ranges import Window
from memmon.samples import Point


@click.group()
def query() -> None:
    """Ask the stored metrics in PromQL."""


@query.command()
@click.argument("expr")
@click.option("--time", "at", type=float, metavar="UNIX", help="When; now by default.")
def instant(expr: str, at: float | None) -> None:
    """Show what EXPR is at one moment."""
    with context() as ctx:
        kind, value, notes = service.value(ctx, expr, ctx.now() if at is None else at)
    if isinstance(value, list):
        for row in value:
            text = numbers.short(row.value) if isinstance(row, Point) else " ".join(_pairs(row.window))
            click.echo(f"{label_sets.show(row.labels)} => {text}")
    else:
        click.echo(f"{kind}: {numbers.short(value) if isinstance(value, float) else value}")
    _tell(notes.warnings + notes.infos)


@query.command("range")
@click.argument("expr")
@click.option("--since", default="1h", show_default=True, metavar="DURATION", help="How far back it begins.")
@click.option("--step", default="1m", show_default=True, metavar="DURATION", help="Time between two points.")
def range_command(expr: str, since: str, step: str) -> None:
    """Show what EXPR was over the time until now."""
    with context() as ctx:
        now = ctx.now()
        series, notes = service.range(ctx, expr, now - duration.parse(since), now, duration.parse(step))
    for row in series:
        click.echo(label_sets.show(row.labels))
        for at, value in zip(row.times.tolist(), row.values.tolist(), strict=True):
            click.echo(f"  {encode.iso(at / 1000)} {numbers.short(value)}")
    _tell(notes.warnings + notes.infos)


def _pairs(window: Window) -> list[str]:
    return [
        f"{numbers.short(value)}@{at:g}"
        for at, value in zip(window.times.tolist(), window.values.tolist(), strict=True)
    ]


def _tell(notes: list[str]) -> None:
    for note in notes:
        click.echo(note, err=True)


@query.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--exact", is_flag=True, help="Only the reference evaluator, without the kernels.")
@click.option("--all", "show_all", is_flag=True, help="Show the misses outside the float language too.")
def conformance(paths: tuple[Path, ...], exact: bool, show_all: bool) -> None:
    """Run Prometheus' PromQL test scripts: PATHS are files, or folders of them."""
    files = [file for path in paths for file in (sorted(path.glob("*.test")) if path.is_dir() else [path])]
    passed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    total: Counter[str] = Counter()
    began, unexplained = time.monotonic(), 0
    for file in files:
        here: Counter[str] = Counter()
        for verdict in suite.run(file, exact):
            total[verdict.category] += 1
            here["all"] += 1
            passed[verdict.category] += not verdict.missed
            here["passed"] += not verdict.missed
            refused[verdict.category] += bool(verdict.missed and verdict.refused)
            if verdict.missed and (show_all or verdict.category == "float"):
                reason = suite.DEVIATIONS.get((verdict.file, verdict.line))
                unexplained += verdict.category == "float" and reason is None
                click.echo(f"{verdict.file}:{verdict.line} {verdict.expr}\n    {verdict.missed}")
                if reason:
                    click.echo(f"    known: {reason}")
        click.echo(f"{file.name}: passed {here['passed']} of {here['all']}")
    for category in total:
        refusal = f", refused {refused[category]} with the reason" if category != "float" else ""
        click.echo(f"{category.replace('_', ' ')}: passed {passed[category]} of {total[category]}{refusal}")
    click.echo(f"passed {sum(passed.values())} of {sum(total.values())} in {time.monotonic() - began:.1f} s")
    sys.exit(1 if unexplained else 0)
