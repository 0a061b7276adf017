"""`python -m bench metrics [--small] [--json FILE]`: measure, print a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bench import breach, ingest, prometheus, queries, report
from bench.report import Figure


@click.group()
def main() -> None:
    """Measure memmon beside what operators would use instead."""


@main.command()
@click.option("--small", is_flag=True, help="Tiny sizes, to see that it runs; the figures say nothing.")
@click.option("--only", type=click.Choice(["ingest", "queries", "breach"]), help="One part alone.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there too.")
def metrics(small: bool, only: str | None, file: Path | None) -> None:
    """The metric engine: scrape, rules, queries, memory, breach to webhook."""
    beside = prometheus.is_there() and not small
    if not prometheus.is_there():
        click.echo("prometheus is not installed (apt-get install prometheus): its column stays empty")
    parts: dict[str, list[Callable[[], list[Figure]]]] = {
        "ingest": [
            lambda: ingest.scrape(*((60, 20, 2) if small else (1000, 100, 10)), beside=beside),
            lambda: [ingest.memory(*((60, 20, 0.05) if small else (1000, 100, 1.0)))],
        ],
        "queries": [lambda: queries.measure(*((20, 3) if small else (1000, 20)), beside=beside)],
        "breach": []
        if small
        else [
            lambda: breach.figures(4, 15, 1, 0.6, 1.3),
            lambda: breach.figures(2, 10, 10, 6.0, None),
        ],
    }
    found: list[Figure] = []
    for name, measures in parts.items():
        if only in (None, name):
            for measure in measures:
                found += measure()
    click.echo(report.table(found))
    click.echo(", ".join(f"{name}: {value}" for name, value in report.machine().items()))
    if file:
        file.write_text(report.dump(found))


if __name__ == "__main__":
    main(prog_name="python -m bench")
