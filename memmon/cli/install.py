"""`memmon install`: the files of the operating system."""

from __future__ import annotations

from pathlib import Path

import click

from memmon.stack import install as stack_install


@click.command()
@click.option(
    "--prefix", type=click.Path(path_type=Path), default=Path("/"), show_default=True, help="Below this folder."
)
def install(prefix: Path) -> None:
    """Put the files for logrotate and systemd in place."""
    for path, state in stack_install.install(prefix):
        click.echo(f"{path}: {state}")
    if prefix == Path("/"):
        click.echo("next: systemctl daemon-reload && systemctl enable --now memmimic-monitoring")
