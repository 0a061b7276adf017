"""Tables: dead letters and redeliveries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class DeadLetter(Base):
    """A task that was given up: nothing that memmon could not do is silently gone."""

    __tablename__ = "dead_letter"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str] = mapped_column(String(64), unique=True)
    task: Mapped[str] = mapped_column(String(128))
    args: Mapped[list[Any]]
    error: Mapped[str]
    attempts: Mapped[int]
    at: Mapped[float] = mapped_column(index=True)


class Redelivery(Base):
    """How often a task came back because its process died: a poison task must not kill workers for
    ever.
    """

    __tablename__ = "redelivery"
    task_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int]
    at: Mapped[float] = mapped_column(index=True)
