"""What the commands share: the running stack's context, who calls, tables and JSON."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from memmon import encode, logs
from memmon.context import Context
from memmon.stack import running

COLOURS = {
    **dict.fromkeys(("ok", "healthy", "operational", "resolved", "sent", "active", "up", "done"), "green"),
    **dict.fromkeys(("warn", "warning", "degraded", "pending", "acknowledged", "waiting", "verifying"), "yellow"),
    **dict.fromkeys(("fail", "failed", "critical", "unhealthy", "error", "firing", "down", "open", "manual"), "red"),
}

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
by_option = click.option("--by", default=getpass.getuser, help="Who does this; by default the user of this shell.")


@contextmanager
def context() -> Iterator[Context]:
    """The context as the running stack of this data directory has it; without one, as the
    environment says.
    """
    settings = running.settings_of()
    if os.access(settings.log_path.parent, os.W_OK):
        logs.setup(settings.log_path, settings.log_level)  # Manual changes are logged too.
    ctx = Context(settings)
    try:
        yield ctx
    finally:
        ctx.close()


def show_json(value: Any) -> None:
    """Print `value` as indented JSON."""
    click.echo(encode.dumps(value, indent=2))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows; text from outside is shown as it is, never read as markup."""
    rich_table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for column in columns:
        rich_table.add_column(column, overflow="fold")
    for row in rows:
        rich_table.add_row(*(cell(value) for value in row))
    console().print(rich_table)


def cell(value: Any) -> Text:
    """Return `value` as a table shows it; a state in its colour."""
    if value is None:
        return Text("-")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return Text("".join(c if c.isprintable() else " " for c in text), style=COLOURS.get(text, ""))


def console() -> Console:
    """A console on standard output; wide where it is no terminal, so that nothing is folded for a
    pipe.
    """
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)


def labels(pairs: dict[str, str]) -> str:
    """Return labels as a line, without the alert's name."""
    return " ".join(f"{name}={value}" for name, value in sorted(pairs.items()) if name != "alertname")
