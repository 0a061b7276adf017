from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from memmon.context import Context
from memmon.db import migrate
from memmon.db.tables import Base


def test_the_migrations_make_just_the_tables(ctx: Context) -> None:
    with ctx.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert found == []


def test_a_second_upgrade_changes_nothing(ctx: Context) -> None:
    before = migrate.revision(ctx.engine)
    migrate.upgrade(ctx.engine)
    assert migrate.revision(ctx.engine) == before
