"""`python -m bench metrics|alerting|incidents [--small] [--json FILE]`: measure, print a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bench import alerting as alerting_bench
from bench import breach, ingest, prometheus, queries, report, respond
from bench.report import Figure


@click.group()
def main() -> None:
    """Measure memmon beside what operators would use instead."""


small_option = click.option("--small", is_flag=True, help="Tiny sizes, to see that it runs; the figures say nothing.")
json_option = click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there too."
)
Parts = dict[str, list[Callable[[], list[Figure]]]]


@main.command()
@small_option
@click.option("--only", type=click.Choice(["ingest", "queries", "breach"]), help="One part alone.")
@json_option
def metrics(small: bool, only: str | None, file: Path | None) -> None:
    """The metric engine: scrape, rules, queries, memory, breach to webhook."""
    beside = prometheus.is_there() and not small
    if not prometheus.is_there():
        click.echo("prometheus is not installed (apt-get install prometheus): its column stays empty")
    suites: Parts = {
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
    _measure(suites, only, file)


@main.command()
@small_option
@click.option("--only", type=click.Choice(["rules", "storm", "told"]), help="One part alone.")
@json_option
def alerting(small: bool, only: str | None, file: Path | None) -> None:
    """Alerting: rules, ten thousand alerts at once, the API meanwhile, notifications."""
    beside = not small
    suites: Parts = {
        "rules": [
            lambda: alerting_bench.rules(*((20, 20) if small else (1000, 50)), beside=beside, fires=False),
            lambda: alerting_bench.rules(*((20, 20) if small else (1000, 50)), beside=beside, fires=True),
        ],
        "storm": [lambda: alerting_bench.storm(*((60, 6) if small else (10_000, 100)))],
        "told": [lambda: alerting_bench.told(5 if small else 500, beside=beside)],
    }
    _measure(suites, only, file)


@main.command()
@small_option
@click.option("--only", type=click.Choice(["action", "containment"]), help="One part alone.")
@json_option
def incidents(small: bool, only: str | None, file: Path | None) -> None:
    """Incidents: breach to first action, attack to containment, through a running stack."""
    suites: Parts = {
        "action": [
            lambda: respond.first_action(1 if small else 30, 1),
            *([] if small else [lambda: respond.first_action(10, 10)]),
        ],
        "containment": [lambda: respond.containment(1 if small else 30)],
    }
    _measure(suites, only, file)


def _measure(suites: Parts, only: str | None, file: Path | None) -> None:
    figures: list[Figure] = []
    for name, measures in suites.items():
        if only in (None, name):
            for measure in measures:
                figures += measure()
    click.echo(report.table(figures))
    click.echo(", ".join(f"{name}: {value}" for name, value in report.machine().items()))
    if file:
        file.write_text(report.dump(figures))


if __name__ == "__main__":
    main(prog_name="python -m bench")
