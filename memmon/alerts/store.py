"""The rows of alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from sqlalchemy import Table, bindparam, case, delete, func, select, update
from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.alerts.machine import Active
from memmon.alerts.rule import SEVERITIES
from memmon.alerts.tables import AlertRow, RuleHealth
from memmon.db import upsert
from memmon.labels import Labels

FLAP_SECONDS = 3600.0


def key(rule_id: str, labels: Labels) -> str:
    """Return what makes an active alert unique."""
    return f"{rule_id}:{label_sets.fingerprint(labels)}"


def active_rows(session: Session) -> Sequence[AlertRow]:
    """Return the pending and firing alerts."""
    return session.scalars(select(AlertRow).where(AlertRow.active.is_not(None)).order_by(AlertRow.id)).all()


def as_active(row: AlertRow) -> Active:
    """Return a row as the machine sees it. `ends_at` of a rule's alert is when its condition
    stopped holding.
    """
    return Active(
        labels=label_sets.of(row.labels),
        state=row.state,  # type: ignore[arg-type]
        value=row.value if row.value is not None else float("nan"),
        pending_at=row.pending_at,
        firing_at=row.firing_at,
        absent_at=row.ends_at,
        flaps=row.flaps,
    )


def insert(session: Session, values: dict[str, Any]) -> bool:
    """Insert an alert; False when its label set is active already."""
    return upsert.insert_new(session, AlertRow, [values]) == 1


def swap(session: Session, row_id: int, version: int, **values: Any) -> bool:
    """Change an alert if it is still at `version`; False when another worker was first."""
    statement = update(AlertRow).where(AlertRow.id == row_id, AlertRow.version == version)
    return session.execute(statement.values(version=version + 1, **values)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def swap_all(session: Session, changes: Sequence[tuple[AlertRow, dict[str, Any]]]) -> None:
    """Change alerts that are still as they were read, all in the same columns; who of them another
    worker was first at does not matter to the caller. One prepared statement, since this is most of
    the work of an evaluation while much is firing.
    """
    if not changes:
        return
    table = AlertRow.__table__
    assert isinstance(table, Table)
    statement = update(table).where(table.c.id == bindparam("of_id"), table.c.version == bindparam("of_version"))
    columns: dict[str, Any] = {name: bindparam(f"to_{name}") for name in changes[0][1]}
    rows = [
        {"of_id": row.id, "of_version": row.version} | {f"to_{name}": value for name, value in values.items()}
        for row, values in changes
    ]
    session.connection().execute(statement.values(version=table.c.version + 1, **columns), rows)


def get(session: Session, alert_id: int) -> AlertRow | None:
    """Return one alert."""
    return session.get(AlertRow, alert_id)


def lock_alert(session: Session, alert_id: int) -> AlertRow | None:
    """Return one alert, which nobody else changes until the transaction's end."""
    return session.get(AlertRow, alert_id, with_for_update=True)


def rows_by_id(session: Session, numbers: Sequence[int]) -> Sequence[Any]:
    """Return those of the alerts that exist, with all their columns; to look at, not to change."""
    rows: list[Any] = []
    for at in range(0, len(numbers), upsert.CHUNK):
        chosen = AlertRow.id.in_(numbers[at : at + upsert.CHUNK])
        # Rows of the table and not objects of the ORM: a flush looks at thousands.
        rows += session.execute(select(*AlertRow.__table__.columns).where(chosen).order_by(AlertRow.id)).all()
    return rows


def firing(session: Session) -> Sequence[AlertRow]:
    """Return the firing alerts."""
    return session.scalars(select(AlertRow).where(AlertRow.state == "firing").order_by(AlertRow.id)).all()


def with_key(session: Session, active: str) -> Sequence[AlertRow]:
    """Return the active alert of this key, which nobody else changes until the transaction's end;
    at most one.
    """
    return session.scalars(select(AlertRow).where(AlertRow.active == active).with_for_update()).all()


def prolong(session: Session, active: str, ends_at: float, now: float, annotations: dict[str, str]) -> bool:
    """Move the end of an active alert to `ends_at` if that is later; return False when no such
    alert is active.
    """
    row = session.scalars(select(AlertRow).where(AlertRow.active == active).with_for_update()).first()
    if row is None:
        return False
    latest = max(row.ends_at or 0.0, ends_at)
    return swap(session, row.id, row.version, ends_at=latest, annotations=annotations, evaluated_at=now)


def history(session: Session, limit: int) -> Sequence[AlertRow]:
    """Return the newest resolved alerts that had fired."""
    query = select(AlertRow).where(AlertRow.state == "resolved", AlertRow.firing_at.is_not(None))
    return session.scalars(query.order_by(AlertRow.resolved_at.desc()).limit(limit)).all()


def unplaced(session: Session, mark: str, limit: int) -> Sequence[Any]:
    """Return id, labels, firing_at, flaps and placed of the firing alerts that the routes `mark`
    have not placed.
    """
    open_ = AlertRow.placed.is_(None) | (AlertRow.placed != mark)
    # An index answers which those are, nearly always none; rows are read only for them.
    chosen = select(AlertRow.id).where(AlertRow.state == "firing", open_).limit(limit)
    numbers = list(session.scalars(chosen))
    if not numbers:
        return []
    columns = (AlertRow.id, AlertRow.labels, AlertRow.firing_at, AlertRow.flaps, AlertRow.placed)
    return session.execute(select(*columns).where(AlertRow.id.in_(numbers)).order_by(AlertRow.id)).all()


def mark_placed(session: Session, numbers: Sequence[int], mark: str) -> None:
    """Write down that the routes `mark` have placed these alerts."""
    for at in range(0, len(numbers), upsert.CHUNK):
        chosen = AlertRow.id.in_(numbers[at : at + upsert.CHUNK])
        session.execute(update(AlertRow).where(chosen).values(placed=mark).execution_options(synchronize_session=False))


def firing_labels(session: Session) -> Sequence[Any]:
    """Return id, fingerprint and labels of the firing alerts."""
    query = select(AlertRow.id, AlertRow.fingerprint, AlertRow.labels).where(AlertRow.state == "firing")
    return session.execute(query.order_by(AlertRow.id)).all()


def firing_mark(session: Session) -> tuple[int, int, int]:
    """Return what tells one set of firing alerts from another: their number, and the sum and the
    last of their ids.
    """
    query = select(func.count(AlertRow.id), func.sum(AlertRow.id), func.max(AlertRow.id))
    count, total, last = session.execute(query.where(AlertRow.state == "firing")).one()
    return int(count), int(total or 0), int(last or 0)


def page(session: Session, limit: int, after: int, worst_first: bool) -> Sequence[AlertRow]:
    """Return firing alerts whose id is above `after` in the order of their ids, or the worst ones
    first.
    """
    rank = case({name: place for place, name in enumerate(SEVERITIES)}, value=AlertRow.severity, else_=1)
    order = (rank.desc(), AlertRow.id.desc()) if worst_first else (AlertRow.id,)
    query = select(AlertRow).where(AlertRow.state == "firing", AlertRow.id > after)
    return session.scalars(query.order_by(*order).limit(limit)).all()


def by_state(session: Session) -> dict[tuple[str, str], int]:
    """Return how many alerts are pending and firing, by state and severity."""
    query = select(AlertRow.state, AlertRow.severity, func.count(AlertRow.id))
    rows = session.execute(
        query.where(AlertRow.state.in_(("pending", "firing"))).group_by(AlertRow.state, AlertRow.severity)
    )
    return {(state, severity): count for state, severity, count in rows}


def over(session: Session, rules: Set[str], now: float) -> Sequence[AlertRow]:
    """Return the active alerts that no rule will end: those of rules that are not among `rules`,
    and those of detectors and callers whose time is over.
    """
    active = AlertRow.active.is_not(None)
    active_rules = session.scalars(select(AlertRow.rule).where(active, AlertRow.source == "rule").distinct()).all()
    orphans = [rule for rule in active_rules if rule not in rules]
    timed = (AlertRow.source != "rule") & (AlertRow.ends_at <= now)
    chosen = timed | ((AlertRow.source == "rule") & AlertRow.rule.in_(orphans)) if orphans else timed
    return session.scalars(select(AlertRow).where(active, chosen).order_by(AlertRow.id)).all()


def is_acknowledgement_over(session: Session, now: float) -> bool:
    """Tell whether something was acknowledged for a time that is over."""
    query = select(AlertRow.id).where(AlertRow.state == "firing", AlertRow.acknowledged_until <= now).limit(1)
    return session.scalars(query).first() is not None


def forget_acknowledged(session: Session, now: float) -> list[int]:
    """Remove acknowledgements whose time has passed and return the ids of their alerts."""
    over = (AlertRow.state == "firing") & (AlertRow.acknowledged_until <= now)
    numbers = list(session.scalars(select(AlertRow.id).where(over)))
    if numbers:
        none = dict.fromkeys(("acknowledged_at", "acknowledged_by", "acknowledged_until"))
        session.execute(update(AlertRow).where(AlertRow.id.in_(numbers)).values(version=AlertRow.version + 1, **none))
    return numbers


def flaps(session: Session, rule: str, fingerprint: str, now: float) -> int:
    """Return how often an alert of this rule and fingerprint fired within the hour before."""
    query = select(func.count(AlertRow.id)).where(AlertRow.fingerprint == fingerprint, AlertRow.rule == rule)
    return session.scalar(query.where(AlertRow.firing_at >= now - FLAP_SECONDS)) or 0


def fired_since(session: Session, since: float) -> dict[tuple[str, str], int]:
    """Return how often the alerts of each rule and fingerprint fired since then."""
    query = select(AlertRow.rule, AlertRow.fingerprint, func.count(AlertRow.id)).where(AlertRow.firing_at >= since)
    rows = session.execute(query.group_by(AlertRow.rule, AlertRow.fingerprint))
    return {(rule, fingerprint): count for rule, fingerprint, count in rows}


def fired_in(session: Session, start: float, end: float) -> Sequence[Any]:
    """Return rule, firing_at, resolved_at, acknowledged_at and flaps of the alerts that fired at
    some time in [start, end].
    """
    columns = (AlertRow.rule, AlertRow.firing_at, AlertRow.resolved_at, AlertRow.acknowledged_at, AlertRow.flaps)
    late = AlertRow.resolved_at.is_(None) | (AlertRow.resolved_at >= start)
    return session.execute(select(*columns).where(AlertRow.firing_at <= end, late)).all()


def fired_between(session: Session, start: float, end: float) -> Sequence[Any]:
    """Return the labels of the alerts that began to fire in a time."""
    return session.scalars(select(AlertRow.labels).where(AlertRow.firing_at >= start, AlertRow.firing_at <= end)).all()


def counts(session: Session) -> tuple[int, int]:
    """Return how many alerts ever fired, and how many of them were resolved, as far as they are
    kept.
    """
    fired = AlertRow.firing_at.is_not(None)
    total = session.scalar(select(func.count(AlertRow.id)).where(fired)) or 0
    resolved = session.scalar(select(func.count(AlertRow.id)).where(fired, AlertRow.state == "resolved")) or 0
    return total, resolved


def save_health(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keep how the last evaluation of rules went: rule, evaluated_at, seconds, error."""
    upsert.replace(session, RuleHealth, list(rows), ("rule",))


def evaluated(session: Session, after: float, until: float) -> set[str]:
    """Return the rules that were evaluated in (after, until)."""
    query = select(RuleHealth.rule).where(RuleHealth.evaluated_at > after, RuleHealth.evaluated_at < until)
    return set(session.scalars(query))


def forget_health(session: Session, rule_ids: Iterable[str]) -> None:
    """Delete the health rows of rules that no longer exist."""
    session.execute(delete(RuleHealth).where(RuleHealth.rule.not_in(list(rule_ids))))


def health(session: Session) -> dict[str, RuleHealth]:
    """Return how the last evaluation of each rule went."""
    return {row.rule: row for row in session.scalars(select(RuleHealth))}
