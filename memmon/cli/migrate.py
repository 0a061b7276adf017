"""`memmon migrate`: brings the database to the newest schema, as `memmon up` does by itself."""

from __future__ import annotations

import click

from memmon.audit import service as audit
from memmon.context import Context
from memmon.db import migrate
from memmon.settings import load


@click.command("migrate")
def command() -> None:
    """Bring the database to the newest schema."""
    ctx = Context(load())
    try:
        migrate.upgrade(ctx.engine)
        audit.sign_unsigned(ctx)
        click.echo(f"the schema is at revision {migrate.revision(ctx.engine)}")
    finally:
        ctx.close()
