"""The rows of health: results of checks, verdicts of rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.db.tables import HealthResult, HealthRound


def save_result(session: Session, **values: Any) -> None:
    """Write a result; one of the same target, check and round is replaced."""
    upsert.replace(session, HealthResult, [values], ("target", "name", "round"))


def save_round(session: Session, **values: Any) -> None:
    """Write a verdict; one of the same target and round is replaced."""
    upsert.replace(session, HealthRound, [values], ("target", "round"))


def results(session: Session, target: str, number: int) -> Sequence[HealthResult]:
    """Return the results of one round of one target."""
    query = select(HealthResult).where(HealthResult.target == target, HealthResult.round == number)
    return session.scalars(query).all()


def newest(session: Session, since: float) -> Sequence[HealthResult]:
    """Return the newest result of each target and check since `since`."""
    last = (
        select(func.max(HealthResult.id).label("id"))
        .where(HealthResult.at >= since)
        .group_by(HealthResult.target, HealthResult.name)
        .subquery()
    )
    query = (
        select(HealthResult).join(last, HealthResult.id == last.c.id).order_by(HealthResult.target, HealthResult.name)
    )
    return session.scalars(query).all()


def rounds(session: Session, since: float) -> Sequence[HealthRound]:
    """Return the verdicts since `since`, the oldest first."""
    return session.scalars(select(HealthRound).where(HealthRound.at >= since).order_by(HealthRound.at)).all()


def recent(session: Session, since: float) -> Sequence[HealthResult]:
    """Return all results since `since`, the oldest first."""
    return session.scalars(select(HealthResult).where(HealthResult.at >= since).order_by(HealthResult.at)).all()
