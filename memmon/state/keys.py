"""Every key in Redis: its name, type and life. Nothing else builds a key."""

from __future__ import annotations

PREFIX = "memmon:"


def lease(name: str) -> str:
    """String: who holds `name`; expires with the lease."""
    return f"{PREFIX}lease:{name}"


def period(name: str, index: int) -> str:
    """String: the period `index` of the tick `name` was claimed; expires after two periods."""
    return f"{PREFIX}period:{name}:{index}"


def live(stream: str) -> str:
    """Channel of the live feed's `stream`."""
    return f"{PREFIX}live:{stream}"


def counters() -> str:
    """Hash: metric with labels -> number, durable."""
    return f"{PREFIX}counters"


def pulse() -> str:
    """Hash: component -> JSON of its last run; no expiry, readers judge the age."""
    return f"{PREFIX}pulse"


def workers() -> str:
    """Hash: worker's node name -> JSON of its last heartbeat; readers drop old ones."""
    return f"{PREFIX}workers"


def evaluation_again() -> str:
    """String: samples came in for which an evaluation could not begin, since one was under way;
    expires soon after its lease.
    """
    return f"{PREFIX}evaluation-again"


def evaluation_pending() -> str:
    """String: an evaluation is waiting, so no other need be sent; expires after one interval."""
    return f"{PREFIX}evaluation-pending"


def rate(channel: str, window: int) -> str:
    """String: how many messages a channel was asked to take in a stretch of its rate limit; expires
    after it.
    """
    return f"{PREFIX}rate:{channel}:{window}"


def breaker(channel: str) -> str:
    """Hash: failures of a channel on end, and when the last one was (Unix seconds); expires an hour
    after it.
    """
    return f"{PREFIX}breaker:{channel}"


def breaker_trial(channel: str) -> str:
    """String: a message tries whether a channel is back; expires soon."""
    return f"{PREFIX}breaker-trial:{channel}"


RULE_SERIES_SECONDS = 7 * 86400


def rule_series() -> str:
    """Hash: rule -> digest of the series that it wrote last."""
    return f"{PREFIX}rule-series"


def rule_series_of(rule: str) -> str:
    """String: JSON label sets of the series that a rule wrote last; expires a week after they
    changed.
    """
    return f"{PREFIX}rule-series:{rule}"


def hot_names() -> str:
    """Sorted set: metric name -> when it was last written (Unix ms)."""
    return f"{PREFIX}hot:names"


def hot_rings(name: str) -> str:
    """Sorted set: "shard<TAB>version" of each ring of the metric `name` -> when it was last written
    (Unix ms); expires with the window.
    """
    return f"{PREFIX}hot:rings:{name}"


def hot_shard(shard: str) -> str:
    """Hash: metric name -> version that `shard` was last written with; expires with the window."""
    return f"{PREFIX}hot:shard:{shard}"


def hot_schema(version: str) -> str:
    """String: JSON of what stands where in the rings of `version`; expires with the window."""
    return f"{PREFIX}hot:schema:{version}"


def hot_members(version: str) -> str:
    """List: JSON labels of the members of a timed ring, in the order of their places; expires with
    the window.
    """
    return f"{PREFIX}hot:members:{version}"


def hot_places(version: str) -> str:
    """Hash: JSON labels of a member of a timed ring -> its place; expires with the window."""
    return f"{PREFIX}hot:places:{version}"


def hot_ring(shard: str, name: str, version: str) -> str:
    """String: slots of int64 times and float64 values (memmon/metrics/head/schema.py); expires with
    the window.
    """
    return f"{PREFIX}hot:ring:{shard}:{name}:{version}"


def hot_timed(source: str) -> str:
    """Hash: metric name of `source` -> `version:capacity:bytes` of the timed ring in force; expires
    with the window.
    """
    return f"{PREFIX}hot:timed:{source}"


def hot_metadata() -> str:
    """Hash: metric name -> JSON [kind, help, unit]."""
    return f"{PREFIX}hot:metadata"


def last_collection() -> str:
    """String: when samples last came in (Unix ms)."""
    return f"{PREFIX}last-collection"


def rolled_up() -> str:
    """String: the end of the last minute that was rolled up (Unix seconds)."""
    return f"{PREFIX}rolled-up"


def rollup_points() -> str:
    """String: how many rollups are kept; expires soon, and at each that is made."""
    return f"{PREFIX}rollup-points"


def target_state() -> str:
    """Hash: target -> JSON of its last collection: up, at, seconds, samples, error."""
    return f"{PREFIX}targets"


def config_version() -> str:
    """String: a number that rises whenever the configuration files are to be read again;
    durable.
    """
    return f"{PREFIX}config-version"


def beat_lock() -> str:
    """String: which beat schedules; expires within seconds of its end. RedBeat's name, behind our
    prefix.
    """
    return f"{PREFIX}beat::lock"


def queue(name: str) -> str:
    """List: the messages of the Celery queue `name`, the oldest at its end. kombu's name, behind
    our global prefix.
    """
    return f"{PREFIX}celery:{name}"
