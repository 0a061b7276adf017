"""Tables: pushed groups."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base


class PushGroupRow(Base):
    """The metrics that a job pushed for one set of grouping labels; `key` is the SHA-256 of these.
    Kept until it is deleted.
    """

    __tablename__ = "push_group"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    job: Mapped[str]
    labels: Mapped[dict[str, Any]]
    kinds: Mapped[dict[str, Any]]
    families: Mapped[dict[str, Any]]
    series: Mapped[int]
    pushed_at: Mapped[float]
    failed_at: Mapped[float]
