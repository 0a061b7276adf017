"""`memmon users`: tokens for people and programs that call memmon."""

from __future__ import annotations

import click

from memmon.cli.common import as_json, context, show_json, table
from memmon.security import access


@click.group()
def users() -> None:
    """Make, list and revoke tokens with a role."""


@users.command()
@click.argument("name")
@click.option("--role", type=click.Choice(access.ROLES), default="viewer", show_default=True)
def token(name: str, role: str) -> None:
    """Make a token called NAME; it is printed this once."""
    with context() as ctx:
        click.echo(access.create(ctx, name, role))


@users.command("list")
@as_json
def list_command(as_json: bool) -> None:
    """Show whose tokens there are; the tokens themselves are not kept."""
    with context() as ctx:
        tokens = access.listing(ctx)
    if as_json:
        show_json(tokens)
    else:
        columns = ("name", "role", "created_at", "revoked_at")
        table("Tokens", columns, [[row[column] for column in columns] for row in tokens])


@users.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Make the token called NAME worthless."""
    with context() as ctx:
        access.revoke(ctx, name)
    click.echo(f"the token {name} is worthless now")
