"""Brings a database to the newest schema: once, whoever asks first."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import Engine

from memmon.db.engine import writing

_LOCK = 0x6D656D6D6F6E  # PostgreSQL's advisory lock of two starters; any constant of ours will do.


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; callers that come second wait and find it done."""
    with writing(engine) as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(_config(connection), "head")


def revision(engine: Engine) -> str | None:
    """Return the schema's revision, or None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the revision that this code wants."""
    return ScriptDirectory.from_config(_scripts()).get_current_head()


def _scripts() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def _config(connection: Connection) -> AlembicConfig:
    config = _scripts()
    config.attributes["connection"] = connection
    return config
