"""The actions: one file each, all of one form (see base.py). To add one, copy the nearest and name it here."""

from __future__ import annotations

from memmon.incidents.actions import clear_cache, collect_evidence, http, page, restart, restrict
from memmon.incidents.actions.base import Action

ACTIONS: dict[str, Action] = {
    "block_ip": restrict.BLOCK,
    "clear_cache": clear_cache.ACTION,
    "collect_evidence": collect_evidence.ACTION,
    "disable_feature": restrict.DISABLE,
    "http": http.ACTION,
    "page": page.ACTION,
    "restart": restart.ACTION,
    "throttle": restrict.THROTTLE,
}
