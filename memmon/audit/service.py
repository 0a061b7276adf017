"""The record's rows: add lines, read them, verify them, forget the oldest.

Entries are signed at the end of the transaction that adds them. The advisory lock is therefore
short and always taken last, which prevents deadlocks.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, delete, event, func, select
from sqlalchemy.orm import Session

from memmon import encode, files, secret
from memmon.audit import signing
from memmon.audit.signing import START, Entry, Mark, Problem
from memmon.audit.tables import EntryMark, IncidentEntry
from memmon.context import Context
from memmon.db import advisory_lock, upsert
from memmon.settings import Settings

log = logging.getLogger(__name__)

LONGEST = 4000
CHUNK = 1000
BEGIN = Mark(0, START)

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Return `text` with what PostgreSQL cannot hold replaced."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def key(settings: Settings) -> bytes:
    """Return the key that signs the record."""
    return secret.key(settings, "record")


def note(session: Session, incident_id: int | None, at: float, kind: str, by: str, text: str, **detail: Any) -> None:
    """Add a line to the record, and so to the timeline of an incident; it is signed when the
    transaction commits.
    """
    # As it will be read again.
    stored_detail = json.loads(storable(encode.dumps(detail).replace("\\u0000", "\N{REPLACEMENT CHARACTER}")))
    line = Entry(0, incident_id, float(at), kind, storable(by), storable(text[:LONGEST]), stored_detail)
    if "lines" not in session.info:
        session.info["lines"] = []
        event.listen(session, "before_commit", _write, once=True)
    session.info["lines"].append(line)


def _write(session: Session) -> None:
    lines: list[Entry] = session.info.pop("lines")
    session.flush()
    advisory_lock.take(session, "record")
    signer = key(session.info["settings"])
    last = _mark(session, "end") or BEGIN
    rows = []
    for line in lines:
        signed = signing.sign(signer, line._replace(seq=last.seq + 1), last.hash)
        rows.append(signed._asdict())
        last = Mark(signed.seq, signed.hash)
    upsert.insert_many(session, IncidentEntry, rows)
    _put_mark(session, signer, "end", last)


def sign_unsigned(ctx: Context) -> int:
    """Sign the entries of a database that an earlier schema left without a hash chain; return how
    many.

    Only a database without an end mark has such entries: migration 0002 writes them. Once the chain
    has an end, an unsigned entry is a change made by someone else and stays a problem.
    """
    with ctx.write() as session:
        if _mark(session, "end") is not None:
            return 0
        rows = session.scalars(select(IncidentEntry).order_by(IncidentEntry.seq)).all()
        if not rows or any(row.hash for row in rows):
            return 0
        signer, last = key(ctx.settings), BEGIN
        for row in rows:
            line = Entry(*(getattr(row, name) for name in Entry._fields))
            signed = signing.sign(signer, line, last.hash)
            row.previous, row.hash, row.signed_by = signed.previous, signed.hash, signed.signed_by
            last = Mark(row.seq, row.hash)
        first = rows[0].seq - 1
        if first:
            _put_mark(session, signer, "start", Mark(first, START))
        session.flush()
        _put_mark(session, signer, "end", last)
        return len(rows)


def _mark(session: Session, name: str) -> Mark | None:
    row = session.get(EntryMark, name, populate_existing=True)
    return Mark(row.seq, row.hash) if row else None


def _put_mark(session: Session, signer: bytes, name: str, mark: Mark) -> None:
    signature = signing.sign_mark(signer, name, mark)
    row = {"name": name, **mark._asdict(), "signature": signature, "signed_by": signing.name_of(signer)}
    upsert.replace(session, EntryMark, [row], ["name"])


def entries(session: Session, incident_id: int) -> Sequence[IncidentEntry]:
    """Return the lines of an incident, the oldest first."""
    query = select(IncidentEntry).where(IncidentEntry.incident_id == incident_id)
    return session.scalars(query.order_by(IncidentEntry.seq)).all()


def verify(ctx: Context, whole: bool = True) -> dict[str, Any]:
    """Verify the audit log, or only the entries since the last successful verification; return
    {lines, since, end, problems: [{seq, incident_id, what}]}. The verified end is stored in SQL and
    in a file, so that a truncated log is detected.
    """
    signer = key(ctx.settings)
    with ctx.read() as session:
        start, problems = _checked_mark(session, signer, "start", BEGIN)
        verified, wrong = _checked_mark(session, signer, "verified", start)
        end, end_problems = _checked_mark(session, signer, "end", None)
        if not whole and not wrong and verified.seq >= start.seq:
            start = verified
        counted = [0]
        lines = _counting(_lines(session, start.seq), counted)
        problems += [*wrong, *end_problems, *signing.problems(signer, lines, start, end)]
        if end is None and (counted[0] or start.seq):
            problems.append(Problem(start.seq + 1, None, "the mark of the record's end is missing"))
        problems += _seen(ctx, session, start)
    if not problems and end is not None:
        _remember(ctx, signer, end)
    rows = [
        {"seq": problem.seq, "incident_id": problem.incident_id, "what": problem.description}
        for problem in sorted(problems)
    ]
    return {"lines": counted[0], "since": start.seq, "end": end.seq if end else 0, "problems": rows}


def accept(ctx: Context, by: str, comment: str) -> dict[str, Any]:
    """Accept the known problems of the audit log: an entry names them, and later audits check only
    newer entries. A full verification still reports them.
    """
    report = verify(ctx)
    first = report["problems"][0] if report["problems"] else None
    summary = f"{len(report['problems'])} problems" + (
        f", the first at line {first['seq']}: {first['what']}" if first else ""
    )
    with ctx.write() as session:
        note(session, None, ctx.now(), "record", by, f"accepted {summary}" + (f"; {comment}" if comment else ""))
    signer = key(ctx.settings)
    with ctx.write() as session:
        advisory_lock.take(session, "record")
        end = _mark(session, "end") or BEGIN
        start = _mark(session, "start")
        _put_mark(session, signer, "end", end)
        if start is not None:
            _put_mark(session, signer, "start", start)
    _remember(ctx, signer, end)
    return report


def _checked_mark(session: Session, signer: bytes, name: str, default: Any) -> tuple[Any, list[Problem]]:
    row = session.get(EntryMark, name)
    if row is None:
        return default, []
    mark = Mark(row.seq, row.hash)
    if row.signed_by != signing.name_of(signer):
        return mark, [Problem(row.seq, None, f"the mark {name} is signed with another key ({row.signed_by})")]
    if not hmac.compare_digest(row.signature, signing.sign_mark(signer, name, mark)):
        return mark, [Problem(row.seq, None, f"the mark {name} was changed")]
    return mark, []


def _lines(session: Session, after: int) -> Iterator[Entry]:
    while True:
        query = select(IncidentEntry).where(IncidentEntry.seq > after).order_by(IncidentEntry.seq).limit(CHUNK)
        rows = session.scalars(query).all()
        for row in rows:
            yield Entry(*(getattr(row, name) for name in Entry._fields))
        if len(rows) < CHUNK:
            return
        after = rows[-1].seq
        session.expunge_all()


def _counting(lines: Iterator[Entry], counted: list[int]) -> Iterator[Entry]:
    for line in lines:
        counted[0] += 1
        yield line


def _seen(ctx: Context, session: Session, start: Mark) -> list[Problem]:
    """Return the problem of the entry that was last at the previous verification, if it changed or
    is missing.
    """
    path = ctx.settings.run_dir / "record.seen"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        seen = Mark(int(content["seq"]), str(content["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if seen.seq <= start.seq:
        return []
    row = session.get(IncidentEntry, seen.seq)
    if row is None:
        return [Problem(seen.seq, None, "is missing, and was there when the record was verified last")]
    return (
        []
        if row.hash == seen.hash
        else [Problem(seen.seq, row.incident_id, "is another one than when it was verified")]
    )


def _remember(ctx: Context, signer: bytes, end: Mark) -> None:
    with ctx.write() as session:
        if (_mark(session, "verified") or BEGIN) == end:
            return
        _put_mark(session, signer, "verified", end)
    path = ctx.settings.run_dir / "record.seen"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(path, encode.dumps(end._asdict()))
    except OSError as error:  # The mark in SQL is kept all the same.
        log.warning("where the record was verified to cannot be kept: %s", error)


def forget(ctx: Context, before: float, incident_ids: Select[tuple[int]]) -> int:
    """Delete the oldest entries up to the first one that is younger than `before` (Unix seconds) or
    belongs to one of the incidents that the query selects; return how many.
    """
    with ctx.write() as session:
        is_kept = (IncidentEntry.at >= before) | IncidentEntry.incident_id.in_(incident_ids)
        first = session.scalar(select(func.min(IncidentEntry.seq)).where(is_kept))
        last = session.scalar(select(func.max(IncidentEntry.seq)))
        limit = first - 1 if first is not None else last
        row = session.get(IncidentEntry, limit) if limit else None
        if row is None:
            return 0
        _put_mark(session, key(ctx.settings), "start", Mark(row.seq, row.hash))
        gone = session.execute(delete(IncidentEntry).where(IncidentEntry.seq <= row.seq))
        return int(gone.rowcount)  # type: ignore[attr-defined]
