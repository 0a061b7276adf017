"""A rule on how hot it is, and samples of that."""

from __future__ import annotations

from collections.abc import Callable

from memmon import labels as label_sets
from memmon.alerts import service
from memmon.config import DEFAULTS
from memmon.config.document import read
from memmon.config.rules import RuleFile
from memmon.context import Context
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.samples import Sample

FOLLOWS = [Job("notify.tick"), Job("incidents.correlate")]
Configure = Callable[..., Context]
GROUPS = [group.name for group in read(DEFAULTS / "rules.yml", RuleFile).groups]
DEFAULTS_OFF = ", ".join(f"{{name: {name}, rules: []}}" for name in GROUPS)
HOT = "{alert: hot, expr: heat > 80, labels: {severity: critical}, annotations: {summary: 'at {{ $value }}'}}"


def rules(*subset: str) -> str:
    return f"groups: [{{name: g, rules: [{', '.join(subset)}]}}, {DEFAULTS_OFF}]"


def measure(ctx: Context, metric: str = "heat", /, **values: float) -> None:
    """Take one sample of each instance in."""
    samples = [Sample(label_sets.of({"__name__": metric, "instance": i}), value) for i, value in values.items()]
    metrics.ingest(ctx, metric, samples, {}, ctx.now(), 10)


def firing(ctx: Context) -> list[tuple[str, str]]:
    return [(alert["name"], alert["labels"].get("instance", "")) for alert in service.firing(ctx)]
