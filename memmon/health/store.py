"""The rows of health: results of checks, verdicts of rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.health.tables import HealthResult, HealthRound


def save_result(session: Session, **values: Any) -> None:
    """Write a result; one of the same target, check and round is replaced."""
    upsert.replace(session, HealthResult, [values], ("target", "name", "round"))


def save_round(session: Session, **values: Any) -> None:
    """Write a verdict; one of the same target and round is replaced."""
    upsert.replace(session, HealthRound, [values], ("target", "round"))


def results(session: Session, target: str, round_number: int) -> Sequence[HealthResult]:
    """Return the results of one round of one target."""
    query = select(HealthResult).where(HealthResult.target == target, HealthResult.round == round_number)
    return session.scalars(query).all()


def newest(session: Session, since: float) -> Sequence[HealthResult]:
    """Return the result of each target and check in its newest round since `since`."""
    last = (
        select(HealthResult.target, HealthResult.name, func.max(HealthResult.round).label("round"))
        .where(HealthResult.at >= since)
        .group_by(HealthResult.target, HealthResult.name)
        .subquery()
    )
    same = (
        (HealthResult.target == last.c.target)
        & (HealthResult.name == last.c.name)
        & (HealthResult.round == last.c.round)
    )
    query = select(HealthResult).join(last, same).order_by(HealthResult.target, HealthResult.name)
    return session.scalars(query).all()


def newest_round(session: Session, target: str) -> int:
    """Return the number of the target's newest verdict, 0 before the first."""
    return session.scalar(select(func.max(HealthRound.round)).where(HealthRound.target == target)) or 0


def unjudged(session: Session, target: str, since: float, until: float) -> dict[int, set[str]]:
    """Return the rounds begun between `since` and `until` that have results but no verdict, with
    the checks that are in.
    """
    judged = select(HealthRound.round).where(HealthRound.target == target, HealthRound.round >= since)
    query = select(HealthResult.round, HealthResult.name).where(
        HealthResult.target == target,
        HealthResult.round >= since,
        HealthResult.round < until,
        HealthResult.round.not_in(judged),
    )
    names_by_round: dict[int, set[str]] = {}
    for round_number, name in session.execute(query):
        names_by_round.setdefault(round_number, set()).add(name)
    return names_by_round


def rounds(session: Session, since: float) -> Sequence[HealthRound]:
    """Return the verdicts since `since`, the oldest first."""
    return session.scalars(select(HealthRound).where(HealthRound.at >= since).order_by(HealthRound.at)).all()


def recent(session: Session, since: float) -> Sequence[HealthResult]:
    """Return all results since `since`, the oldest first."""
    return session.scalars(select(HealthResult).where(HealthResult.at >= since).order_by(HealthResult.at)).all()
