"""Every key in Redis: its name, type and life. Nothing else builds a key."""

from __future__ import annotations

PREFIX = "memmon:"


def lease(name: str) -> str:
    """String: who holds `name`; expires with the lease."""
    return f"{PREFIX}lease:{name}"


def period(name: str, number: int) -> str:
    """String: the period `number` of the tick `name` was claimed; expires after two periods."""
    return f"{PREFIX}period:{name}:{number}"


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


def evaluation_pending() -> str:
    """String: an evaluation is waiting, so no other need be sent; expires after one interval."""
    return f"{PREFIX}evaluation-pending"


def hot_names() -> str:
    """Sorted set: metric name -> when it was last written (Unix ms)."""
    return f"{PREFIX}hot:names"


def hot_targets(name: str) -> str:
    """Sorted set: target that gives the metric `name` -> when it was last written (Unix ms); expires with the window."""
    return f"{PREFIX}hot:targets:{name}"


def hot_versions(target: str) -> str:
    """Hash: metric name of `target` -> versions of its columns, the one in force first; expires with the window."""
    return f"{PREFIX}hot:versions:{target}"


def hot_schemas(target: str) -> str:
    """Hash: version -> JSON columns; expires with the window."""
    return f"{PREFIX}hot:schemas:{target}"


def hot_ring(target: str, name: str, version: str) -> str:
    """String: slots of one int64 time and one float64 a column; expires with the window."""
    return f"{PREFIX}hot:ring:{target}:{name}:{version}"


def hot_timed_names() -> str:
    """Sorted set: metric name that has a timed ring -> when one was last written (Unix ms); expires with the window."""
    return f"{PREFIX}hot:timed-names"


def hot_rings(name: str) -> str:
    """Sorted set: timed ring of the metric `name`, as `<source>\\t<version>` -> when it was last written (Unix ms); expires with
    the window."""
    return f"{PREFIX}hot:rings:{name}"


def hot_schema(version: str) -> str:
    """String: JSON of the timed schema called `version`; expires with the window."""
    return f"{PREFIX}hot:schema:{version}"


def hot_timed(source: str) -> str:
    """Hash: metric name of `source` -> `version:members:bytes` of the timed ring in force; expires with the window."""
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
    """String: a number that rises whenever the configuration files are to be read again; durable."""
    return f"{PREFIX}config-version"


def beat_lock() -> str:
    """String: which beat schedules; expires within seconds of its end. RedBeat's name, behind our prefix."""
    return f"{PREFIX}beat::lock"


def queue(name: str) -> str:
    """List: the messages of the Celery queue `name`, the oldest at its end. kombu's name, behind our global prefix."""
    return f"{PREFIX}celery:{name}"
