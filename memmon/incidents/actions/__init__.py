"""The actions: one file each, all of one form (see base.py). To add one, copy the nearest and name
it here, or in another package name an `Action` under the entry point group `memmon.actions`.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import entry_points

from memmon.incidents.actions import (
    backup,
    block_ip,
    clear_cache,
    collect_evidence,
    disable_feature,
    http,
    isolate,
    memory_dump,
    note,
    page,
    restart,
    run,
    scale,
    throttle,
    wait,
)
from memmon.incidents.actions.base import Action

log = logging.getLogger(__name__)

GROUP = "memmon.actions"

ACTIONS: dict[str, Action] = {
    "backup": backup.ACTION,
    "block_ip": block_ip.ACTION,
    "clear_cache": clear_cache.ACTION,
    "collect_evidence": collect_evidence.ACTION,
    "disable_feature": disable_feature.ACTION,
    "http": http.ACTION,
    "isolate": isolate.ACTION,
    "memory_dump": memory_dump.ACTION,
    "note": note.ACTION,
    "page": page.ACTION,
    "restart": restart.ACTION,
    "run": run.ACTION,
    "scale": scale.ACTION,
    "throttle": throttle.ACTION,
    "wait": wait.ACTION,
}
"""memmon's own, by name."""


@cache
def entry_point_actions() -> dict[str, Action]:
    """Return the actions of other packages. One that cannot be loaded is left out and said; none
    takes the name of memmon's.
    """
    actions: dict[str, Action] = {}
    for point in entry_points(group=GROUP):
        try:
            action = point.load()
        except Exception:  # A broken package must not take the other actions away.
            log.exception("the action %s of %s cannot be loaded", point.name, point.value)
            continue
        if point.name in ACTIONS or not isinstance(action, Action):
            log.error("the action %s of %s is left out: it is no Action, or its name is taken", point.name, point.value)
            continue
        actions[point.name] = action
    return actions


def get(name: str) -> Action | None:
    """Return the action called `name`."""
    return ACTIONS.get(name) or entry_point_actions().get(name)


def names() -> list[str]:
    """Return the names of all actions."""
    return sorted({*ACTIONS, *entry_point_actions()})
