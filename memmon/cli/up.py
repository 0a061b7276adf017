"""`memmon up` and `memmon down`."""

from __future__ import annotations

import os

import click
from setproctitle import setproctitle

from memmon.settings import load
from memmon.stack import service
from memmon.stack.preparation import StartOptions
from memmon.stack.program import TITLE

PROGRAMS = ("valkey", "io", "checks", "respond", "beat", "dashboard", "demo")


@click.command()
@click.option(
    "--demo/--no-demo", default=None, help="A demo memory service; by default when MEMMIMIC_DB_PATH is not set."
)
@click.option("--without", multiple=True, type=click.Choice(PROGRAMS), help="Leave this program out; may be repeated.")
def up(demo: bool | None, without: tuple[str, ...]) -> None:
    """Start broker, workers, dashboard and watch over them until Ctrl-C."""
    setproctitle(f"{TITLE}: up")
    service.up(os.environ, StartOptions(demo, without), lambda text: click.echo(text))


@click.command()
def down() -> None:
    """Stop the stack that runs in MEMMON_HOME."""
    pid = service.down(load())
    click.echo(f"memmon has ended (it was process {pid})")
