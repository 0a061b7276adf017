"""The command line. Each command calls services and prints their results."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from memmon import __version__
from memmon.errors import BadConfig, MemmonError

COMMANDS = {
    "up": ("memmon.cli.up:up", "Start broker, workers, dashboard and watch over them until Ctrl-C."),
    "down": ("memmon.cli.up:down", "Stop the stack that runs in MEMMON_HOME."),
    "status": ("memmon.cli.status:status", "Show how the running stack is."),
    "doctor": ("memmon.cli.doctor:doctor", "Look at every part, and say what to do where one is broken."),
    "alerts": ("memmon.cli.alerts:alerts", "List, explain, acknowledge and silence alerts."),
    "rules": ("memmon.cli.rules:rules", "Check, test and try rules."),
    "maintenance": ("memmon.cli.maintenance:maintenance", "Plan, approve and end maintenance windows."),
    "incidents": ("memmon.cli.incidents:incidents", "List, show and steer incidents."),
    "playbook": ("memmon.cli.playbook:playbook", "List, check, run and look back on playbooks."),
    "oncall": ("memmon.cli.oncall:oncall", "Show and change who is on call."),
    "notify": ("memmon.cli.notify:notify", "Test the notification channels."),
    "query": ("memmon.cli.query:query", "Ask in PromQL, and hold the language to Prometheus' own tests."),
    "config": ("memmon.cli.config:config", "Check, apply and show the configuration files."),
    "users": ("memmon.cli.users:users", "Make, list and revoke tokens with a role."),
    "simulate": ("memmon.cli.simulate:simulate", "Make the demo really slow, leaky, failing or dead, or attack it."),
    "install": ("memmon.cli.install:install", "Put the files for logrotate and systemd in place."),
    "migrate": ("memmon.cli.migrate:command", "Bring the database to the newest schema."),
    "test": ("memmon.cli.test:test", "Check everything and run all tests."),
    "lint": ("memmon.cli.test:lint", "Check style, types and who imports whom."),
}
"""Command name to (import path, help). Modules are imported on use, so that `memmon test` does not
load Celery.
"""


class Commands(click.Group):
    """Loads a command when it is named, and shows a failure of ours as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
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
@click.version_option(__version__, prog_name="memmon")
def main() -> None:
    """Monitoring, alerting and automated incident response for MemMimic."""
