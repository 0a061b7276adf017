"""rules.yml and rules/*.yml: Prometheus rule files, with `clear` and `damping` beside. What memmon
cannot do fails at load.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from memmon import labels as label_sets
from memmon.config.model import LabelMap, Seconds, Section


class Rule(Section):
    """One alerting or recording rule. `clear` is an expression that keeps an alert firing while it
    has a result (hysteresis); `damping` is the shortest firing time of a flapping alert after its
    condition ended.
    """

    alert: str | None = None
    record: str | None = None
    expr: str = Field(min_length=1)
    hold: Seconds = Field(0.0, alias="for", ge=0)
    keep_firing_for: Seconds = Field(0.0, ge=0)
    labels: LabelMap = {}
    annotations: dict[str, str] = {}
    clear: str | None = Field(None, min_length=1)
    damping: Seconds = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _alert_or_record(self) -> Rule:
        if bool(self.alert) == bool(self.record):
            raise ValueError("a rule has exactly one of alert and record")
        if self.record is not None:
            if not label_sets.METRIC_NAME.fullmatch(self.record):
                raise ValueError(f"{self.record!r} is not a metric name")
            options = {"for": self.hold, "keep_firing_for": self.keep_firing_for, "annotations": self.annotations}
            options |= {"clear": self.clear, "damping": self.damping}
            for name, value in options.items():
                if value:
                    raise ValueError(f"a recording rule has no {name}")
        return self


class RuleGroup(Section):
    """Rules that are evaluated together, in order: at each evaluation, or at most once per
    `interval`. A rule with more than `limit` alerts or series fails. `query_offset` shifts the
    evaluation time into the past.
    """

    name: str = Field(min_length=1)
    interval: Seconds | None = Field(None, gt=0)
    limit: int = Field(0, ge=0)
    query_offset: Seconds = Field(0.0, ge=0)
    labels: LabelMap = {}
    rules: tuple[Rule, ...] = ()


class RuleFile(Section):
    """All groups; a group of the operator replaces the default one of its name."""

    groups: tuple[RuleGroup, ...] = ()
