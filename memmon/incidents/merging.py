"""What people see that correlation did not: two incidents are one, or one is two."""

from __future__ import annotations

from collections.abc import Sequence

from memmon.audit import service as audit
from memmon.context import Context
from memmon.errors import BadInput
from memmon.incidents import correlation, opening, responders, snapshot, store
from memmon.incidents.opening import Gathered
from memmon.jobs import Job
from memmon.routing import route
from memmon.state import live


def merge(ctx: Context, number: int, into: int, by: str, comment: str = "") -> responders.Answer:
    """Make an incident part of another one: its sources are that one's from here on, with what comes of its kind while that one
    is open, and it is closed."""
    if number == into:
        raise BadInput("into", "must be another incident")
    now, said = ctx.now(), f": {comment}" if comment else ""
    with ctx.write() as session:
        # In one order: two merges must not wait for each other.
        rows = {one: responders.still_open(session, one) for one in sorted((number, into))}
        row, other = rows[number], rows[into]
        found = [(one.kind, one.source_id) for one in store.sources(session, number)]
        store.move_sources(session, number, into, found)
        other.progress = {**other.progress, "joined": True}
        other.due_at = now
        row.merged_into = into
        audit.note(session, into, now, "merged", by, f"incident {number} is part of this one{said}")
        jobs = responders.take_back(ctx, session, row)
        responders.close(ctx, session, row, by, f"merged into incident {into}{said}")
    responders.closed(ctx, row)
    live.publish(ctx.redis, "incidents", {"id": number, "state": "resolved"})
    return responders.told(ctx, into), [*jobs, Job("incidents.advance", (into,)), Job("notify.tick")]


def split(ctx: Context, number: int, sources: Sequence[str], by: str, comment: str = "") -> responders.Answer:
    """Open another incident for some of the alerts or events of one, as if they had come by themselves: with their labels, and
    the playbook that takes them. `sources` are ids, or `alert:ID` and `event:ID` where an id is both."""
    now, said = ctx.now(), f": {comment}" if comment else ""
    with responders.changing(ctx, number) as (session, row):
        found = [(one.kind, one.source_id) for one in store.sources(session, number)]
        wanted = _named(number, found, sources)
        if len(wanted) == len(found):
            raise BadInput("sources", "one at least must stay")
        responders.stirred(ctx, row)
        signs = opening.signs_of(ctx, wanted)
        first = min(signs, key=lambda sign: sign.at, default=None)
        takes = correlation.playbook_for(ctx.config.playbooks.playbooks, first) if first else None
        playbook = takes or snapshot.playbook(row.playbook)
        labels = first.labels if first else row.labels
        own = correlation.key(playbook, labels)  # What comes of its kind joins it, where that is not what it leaves.
        apart = route.short(f"{own} split from {number} at {now}", correlation.LONGEST_KEY)
        keys = [apart] if own == row.key else [own, apart]
        key = next(
            one
            for one in keys
            if store.insert(session, opening.new_row(ctx, Gathered(playbook, one, labels, signs), now))
        )
        other = store.open_for(session, key)
        assert other is not None
        store.move_sources(session, number, other.id, wanted)
        row.due_at = now
        audit.note(session, other.id, now, "opened", by, f"split from incident {number}{said}")
        text = f"{len(wanted)} of its sources are incident {other.id} now{said}"
        audit.note(session, number, now, "split", by, text)
    opening.announce(ctx, other, "opened")
    return responders.told(ctx, other.id), [Job("incidents.advance", (other.id,)), Job("incidents.advance", (number,))]


def _named(number: int, found: Sequence[tuple[str, int]], words: Sequence[str]) -> list[tuple[str, int]]:
    """Return the sources of an incident that somebody names."""
    chosen: dict[tuple[str, int], None] = {}
    for word in words:
        named = [one for one in found if word in (str(one[1]), f"{one[0]}:{one[1]}")]
        if not named:
            raise BadInput("sources", f"incident {number} has no source {word}")
        if len(named) > 1:
            raise BadInput(
                "sources", f"{word} is more than one: say {' or '.join(f'{kind}:{one}' for kind, one in named)}"
            )
        chosen[named[0]] = None
    if not chosen:
        raise BadInput("sources", "must name one at least")
    return list(chosen)
