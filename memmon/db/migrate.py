"""Compare the database's schema with the code's, and bring it up to date."""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import Engine

from memmon import __version__
from memmon.db.engine import reading, writing
from memmon.errors import Permanent

log = logging.getLogger(__name__)

_LOCK = 0x6D656D6D6F6E
"""Key of the PostgreSQL advisory lock that serializes upgrades; the value is arbitrary."""

COPIES = 3
"""How many copies of an SQLite file from before an upgrade are kept."""

State = Literal["empty", "older", "current", "newer"]


class SchemaVersion(NamedTuple):
    """The database's revision (None when it is empty), the code's, and how they compare."""

    revision: str | None
    newest: str
    state: State

    def __str__(self) -> str:
        """Return both revisions and memmon's version, for messages."""
        return f"the database has schema {self.revision}, memmon {__version__} needs schema {self.newest}"


def schema(engine: Engine) -> SchemaVersion:
    """Return how the database's schema compares with the code's; raise Transient while it is
    away.
    """
    script = ScriptDirectory.from_config(_scripts())
    newest = str(script.get_current_head())
    current = revision(engine)
    if current is None:
        return SchemaVersion(current, newest, "empty")
    if current == newest:
        return SchemaVersion(current, newest, "current")
    revisions = {entry.revision for entry in script.walk_revisions()}
    return SchemaVersion(current, newest, "older" if current in revisions else "newer")


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; a second caller waits and finds it done.

    An SQLite file with an older schema is copied first, see `copy_before_upgrade`. Raises Permanent
    when a newer version of memmon made the database.
    """
    before = schema(engine)
    if before.state == "newer":
        raise Permanent(f"{before}: a newer memmon made this database; install that version")
    if before.state == "older":
        copy_before_upgrade(engine, str(before.revision))
    with writing(engine) as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(_config(connection), "head")


def copy_before_upgrade(engine: Engine, current: str) -> Path | None:
    """Copy an SQLite file consistently beside itself and keep the newest three copies.

    Returns the copy's path, or None for PostgreSQL, whose backups the operator makes.
    """
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        return None
    path = Path(database)
    copy = path.with_name(f"{path.name}.schema-{current}.{time.strftime('%Y%m%dT%H%M%S')}")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    log.info("copied the database to %s before its schema is upgraded from %s", copy, current)
    copies = sorted(path.parent.glob(f"{path.name}.schema-*"), key=lambda file: file.stat().st_mtime)
    for outdated in copies[:-COPIES]:
        outdated.unlink()
    return copy


def revision(engine: Engine) -> str | None:
    """Return the schema's revision, or None for an empty database; raise Transient while it is
    away.
    """
    with reading(engine) as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def _scripts() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def _config(connection: Connection) -> AlembicConfig:
    config = _scripts()
    config.attributes["connection"] = connection
    return config
