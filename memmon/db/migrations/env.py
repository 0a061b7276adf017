"""Alembic's entry: runs the migrations in the transaction that `memmon.db.migrate` opened."""

from alembic import context

from memmon.db.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
