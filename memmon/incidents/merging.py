"""What people see that correlation did not: two incidents are one, or one is two."""

from __future__ import annotations

from collections.abc import Sequence

from memmon.audit import service as audit
from memmon.context import Context
from memmon.errors import BadInput
from memmon.incidents import correlation, opening, responders, snapshot, store
from memmon.incidents.opening import OpeningIncident
from memmon.jobs import Job
from memmon.routing import route
from memmon.state import live


def merge(ctx: Context, incident_id: int, into: int, by: str, comment: str = "") -> responders.Answer:
    """Make an incident part of another one: its sources are that one's from here on, with what
    comes of its kind while that one is open, and it is closed.
    """
    if incident_id == into:
        raise BadInput("into", "must be another incident")
    now, suffix = ctx.now(), f": {comment}" if comment else ""
    with ctx.write() as session:
        # In one order: two merges must not wait for each other.
        rows = {incident_id: responders.still_open(session, incident_id) for incident_id in sorted((incident_id, into))}
        row, other = rows[incident_id], rows[into]
        sources = [(source.kind, source.source_id) for source in store.sources(session, incident_id)]
        store.move_sources(session, incident_id, into, sources)
        other.progress = {**other.progress, "joined": True}
        other.due_at = now
        row.merged_into = into
        audit.note(session, into, now, "merged", by, f"incident {incident_id} is part of this one{suffix}")
        jobs = responders.create_end_rollbacks(ctx, session, row)
        responders.close(ctx, session, row, by, f"merged into incident {into}{suffix}")
    responders.closed(ctx, row)
    live.publish(ctx.redis, "incidents", {"id": incident_id, "state": "resolved"})
    return responders.publish_change(ctx, into), [*jobs, Job("incidents.advance", (into,)), Job("notify.tick")]


def split(ctx: Context, incident_id: int, sources: Sequence[str], by: str, comment: str = "") -> responders.Answer:
    """Open another incident for some of the alerts or events of one, as if they had come by
    themselves: with their labels, and the playbook that takes them. `sources` are ids, or
    `alert:ID` and `event:ID` where an id is both.
    """
    now, suffix = ctx.now(), f": {comment}" if comment else ""
    with responders.changing(ctx, incident_id) as (session, row):
        source_keys = [(source.kind, source.source_id) for source in store.sources(session, incident_id)]
        moved = _named(incident_id, source_keys, sources)
        if len(moved) == len(source_keys):
            raise BadInput("sources", "one at least must stay")
        responders.record_activity(ctx, row)
        signs = opening.signs_of(ctx, moved)
        first = min(signs, key=lambda sign: sign.at, default=None)
        takes = correlation.playbook_for(ctx.config.playbooks.playbooks, first) if first else None
        playbook = takes or snapshot.playbook(row.playbook)
        labels = first.labels if first else row.labels
        own_key = correlation.key(
            playbook,
            labels,
            # Later sources with the same key join it, unless that is the key of the incident it was
            # split from.
        )
        apart = route.short(f"{own_key} split from {incident_id} at {now}", correlation.LONGEST_KEY)
        keys = [apart] if own_key == row.key else [own_key, apart]
        key = next(
            key_
            for key_ in keys
            if store.insert(session, opening.new_row(ctx, OpeningIncident(playbook, key_, labels, signs), now))
        )
        other = store.open_for(session, key)
        assert other is not None
        store.move_sources(session, incident_id, other.id, moved)
        row.due_at = now
        audit.note(session, other.id, now, "opened", by, f"split from incident {incident_id}{suffix}")
        text = f"{len(moved)} of its sources are incident {other.id} now{suffix}"
        audit.note(session, incident_id, now, "split", by, text)
    opening.announce(ctx, other, "opened")
    return responders.publish_change(ctx, other.id), [
        Job("incidents.advance", (other.id,)),
        Job("incidents.advance", (incident_id,)),
    ]


def _named(incident_id: int, source_keys: Sequence[tuple[str, int]], words: Sequence[str]) -> list[tuple[str, int]]:
    """Return the sources of an incident that the words name."""
    chosen: dict[tuple[str, int], None] = {}
    for word in words:
        named = [source for source in source_keys if word in (str(source[1]), f"{source[0]}:{source[1]}")]
        if not named:
            raise BadInput("sources", f"incident {incident_id} has no source {word}")
        if len(named) > 1:
            raise BadInput(
                "sources",
                f"{word} is more than one: say {' or '.join(f'{kind}:{source_id}' for kind, source_id in named)}",
            )
        chosen[named[0]] = None
    if not chosen:
        raise BadInput("sources", "must name one at least")
    return list(chosen)
