"""Tables: series, rollups and baselines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class SeriesRow(Base):
    """A label set with history; `hash` is the fingerprint of all labels, the name included."""

    __tablename__ = "series"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    hash: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(255), index=True)
    labels: Mapped[dict[str, Any]]
    kind: Mapped[str] = mapped_column(String(16), default="untyped")


class RollupRow(Base):
    """The values of one series in [start, start + level seconds)."""

    __tablename__ = "rollup"
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[int] = mapped_column(Integer, primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    min: Mapped[float]
    max: Mapped[float]
    sum: Mapped[float]
    count: Mapped[int]
    last: Mapped[float]
    increase: Mapped[float]
    __table_args__ = (Index("ix_rollup_level_start", "level", "start"),)


class BaselineRow(Base):
    """Baseline of a metric for one job and instance; `fingerprint` identifies these labels."""

    __tablename__ = "baseline"
    metric: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(16), primary_key=True)
    labels: Mapped[dict[str, Any]]
    stats: Mapped[dict[str, Any]]
    updated_at: Mapped[float]
