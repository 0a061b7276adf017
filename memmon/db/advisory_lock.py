"""One at a time: for a decision that reads what others write at the same moment."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session


def take(session: Session, name: str) -> None:
    """Wait until no other transaction holds `name`, and hold it until this one's end. SQLite has
    one writer anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
