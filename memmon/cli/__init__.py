"""The command line. Each command calls services and shows what they answer."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from memmon.errors import BadConfig, MemmonError

COMMANDS = {
    "up": "memmon.cli.up:up",
    "test": "memmon.cli.test:test",
    "lint": "memmon.cli.test:lint",
}
"""Command -> where it is; loaded when it is called, so that `memmon test` does not load Celery."""


class Commands(click.Group):
    """Loads a command when it is named, and shows a failure of ours as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadConfig as error:
            click.echo(f"memmon: {error}", err=True)
            sys.exit(2)
        except MemmonError as error:
            click.echo(f"memmon: {error}", err=True)
            sys.exit(1)


@click.group(cls=Commands)
def main() -> None:
    """Monitoring, alerting and automated incident response for MemMimic."""
