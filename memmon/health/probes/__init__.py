"""The checks: one file each, all of one form: `check(ctx, target, check) -> Finding`."""

from __future__ import annotations

from collections.abc import Callable

from memmon.config.sections import Check
from memmon.config.targets import Target
from memmon.context import Context
from memmon.health.model import CheckResult
from memmon.health.probes import cache, cxd_classifier, database, memory_system, system_resources

Probe = Callable[[Context, Target, Check], CheckResult]

PROBES: dict[str, Probe] = {
    "database": database.check,
    "cache": cache.check,
    "memory_system": memory_system.check,
    "cxd_classifier": cxd_classifier.check,
    "system_resources": system_resources.check,
}

OF_HOSTS = ("system_resources",)
"""Checks of the host that memmon runs on; all others need a MemMimic."""
