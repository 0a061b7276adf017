"""Alembic migrations, run by `memmon.db.migrate`."""
