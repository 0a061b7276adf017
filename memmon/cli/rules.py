"""`memmon rules`: checks rule files and runs their unit tests."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from memmon.alerts import cases, rule
from memmon.config.document import find, read
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
            found = rule.book(read(path, RuleFile))
        except BadConfig as error:
            where = find(path, error.value) if error.value else None
            click.echo(f"{where}: {error}" if where else str(error), err=True)
            failed = True
            continue
        click.echo(f"{path}: {len(found.ids)} rules in {len(found.groups)} groups are right")
    sys.exit(1 if failed else 0)


@rules.command()
@FILES
def test(files: tuple[Path, ...]) -> None:
    """Run unit tests as `promtool test rules` has them, and say what is otherwise than they expect."""
    failed = False
    for path in files:
        missed = cases.run(path)
        for line in missed:
            click.echo(f"{path}: {line}", err=True)
        click.echo(f"{path}: {'FAILED' if missed else 'SUCCESS'}")
        failed = failed or bool(missed)
    sys.exit(1 if failed else 0)
