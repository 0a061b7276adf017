"""Migrations: each state that a database may have ends as a fresh one, with its data."""

from __future__ import annotations

import hashlib
import importlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from memmon import __version__
from memmon.audit import service as audit
from memmon.context import Context
from memmon.db import engine as engines
from memmon.db import migrate
from memmon.db.base import Base
from memmon.errors import Permanent, Transient

SCHEMAS = Path(__file__).resolve().parents[2] / "data" / "schemas"
COMMITS = ("4167a60", "086ded4", "604c7b0", "91a9d71")
VERSIONS = Path(migrate.__file__).with_name("migrations") / "versions"
LANDED = {
    "0001_first_schema.py": "55e7aa40be1469c8fa840fa2541207817c87cc78af2ec69def4a667f40a29982",
    "0002_repair_earlier_schemas.py": "ca6a526bc2d083a1bf119eac42a40b013a345231add92d443a504e4ee4e9a059",
    "0003_name_the_log_entry.py": "4962eb89d1005840240a4d0e3ca2bca8c316a845f8eb0c54bf8c9c2bbe81f80b",
}
"""SHA-256 of each migration that was released. A released migration never changes: write a new one.
"""

Row = dict[str, Any]


@pytest.fixture(params=COMMITS)
def old_database(request: pytest.FixtureRequest, ctx: Context) -> Engine:
    """A database as the code of an earlier commit left it behind, with two rows in each table."""
    dialect = ctx.engine.dialect.name
    script = (SCHEMAS / f"{request.param}.{dialect}.sql").read_text()
    with ctx.engine.begin() as connection:
        for table in inspect(connection).get_table_names():
            connection.exec_driver_sql(f"DROP TABLE {table}" + (" CASCADE" if dialect == "postgresql" else ""))
        for statement in script.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%") if dialect == "postgresql" else statement)
    return ctx.engine


def rows_of(engine: Engine, table: str) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]


for room in (
    "alerts",
    "audit",
    "health",
    "incidents",
    "metrics",
    "notify",
    "oncall",
    "push",
    "routing",
    "security",
    "upkeep",
):
    importlib.import_module(f"memmon.{room}.tables")


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def test_the_migrations_make_just_the_tables(ctx: Context) -> None:
    assert differences(ctx.engine) == []


def test_a_second_upgrade_changes_nothing(ctx: Context) -> None:
    before = migrate.revision(ctx.engine)
    migrate.upgrade(ctx.engine)
    assert migrate.revision(ctx.engine) == before


def test_an_earlier_database_becomes_like_a_fresh_one(old_database: Engine) -> None:
    migrate.upgrade(old_database)
    assert differences(old_database) == []
    assert not [name for name in inspect(old_database).get_table_names() if name.startswith("before_")]


def test_an_earlier_database_keeps_its_rows(old_database: Engine) -> None:
    tables = [name for name in inspect(old_database).get_table_names() if name != "alembic_version"]
    before = {table: rows_of(old_database, table) for table in tables}
    migrate.upgrade(old_database)
    for table in tables:
        after = rows_of(old_database, table)
        assert len(after) == len(before[table]), table
        common = (before[table][0].keys() & after[0].keys()) - {"number"}
        assert by_columns(after, common) == by_columns(before[table], common), table


def by_columns(rows: list[Row], columns: set[str]) -> list[list[str]]:
    return sorted([str(row[name]) for name in sorted(columns)] for row in rows)


def test_new_rows_are_numbered_after_the_earlier_ones(old_database: Engine) -> None:
    migrate.upgrade(old_database)
    insert = (
        "INSERT INTO maintenance (name, matchers, schedule, created_by, created_at, comment, ended)"
        " VALUES ('a', '[]', '{}', 'b', 1, '', '{}')"
    )
    highest = max((row["id"] for row in rows_of(old_database, "maintenance")), default=0)
    with engines.writing(old_database) as session:
        session.execute(text(insert))
    assert max(row["id"] for row in rows_of(old_database, "maintenance")) == highest + 1


def test_the_entries_of_an_earlier_database_are_signed(old_database: Engine, ctx: Context) -> None:
    migrate.upgrade(old_database)
    is_unsigned = any(row["hash"] == "" for row in rows_of(old_database, "incident_entry"))
    assert audit.sign_unsigned(ctx) == (2 if is_unsigned else 0)
    if is_unsigned:
        assert audit.verify(ctx)["problems"] == []
    assert audit.sign_unsigned(ctx) == 0


def test_an_sqlite_file_is_copied_before_an_upgrade_and_three_copies_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "memmon.db"
    engine = engines.create(f"sqlite:///{path}")
    migrate.upgrade(engine)
    assert list(tmp_path.glob("memmon.db.schema-*")) == []
    for index in range(5):
        (tmp_path / f"memmon.db.schema-0001.2026010{index}T000000").write_bytes(b"")
        os.utime(tmp_path / f"memmon.db.schema-0001.2026010{index}T000000", (index, index))
    set_revision(engine, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE notification RENAME COLUMN log_entry TO told")
    migrate.upgrade(engine)
    copies = sorted(file.name for file in tmp_path.glob("memmon.db.schema-*"))
    assert len(copies) == 3
    copy = next(tmp_path / name for name in copies if name.startswith("memmon.db.schema-0002"))
    assert migrate.schema(engines.create(f"sqlite:///{copy}")).state == "older"


def test_a_database_of_a_newer_version_is_refused_with_both_versions(ctx: Context) -> None:
    set_revision(ctx.engine, "9999")
    with pytest.raises(Permanent, match=rf"has schema 9999, memmon {re.escape(__version__)} needs schema 0003"):
        migrate.upgrade(ctx.engine)
    set_revision(ctx.engine, "0003")


@pytest.mark.parametrize("revision", ["0001", "9999"])
def test_a_session_on_another_schema_says_so(ctx: Context, revision: str) -> None:
    set_revision(ctx.engine, revision)
    other = Context(ctx.settings)
    with pytest.raises(Transient, match=f"the database has schema {revision}"), other.read():
        pass
    other.close()
    set_revision(ctx.engine, "0003")


def set_revision(engine: Engine, revision: str) -> None:
    with engines.writing(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_a_released_migration_never_changes() -> None:
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("0*.py")}
    assert files == LANDED
