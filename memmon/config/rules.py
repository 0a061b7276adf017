"""rules.yml and rules/*.yml: Prometheus rule files. What memmon cannot do with one fails at load."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from memmon.config.model import LabelMap, Seconds, Section


class Rule(Section):
    """One alerting or recording rule."""

    alert: str | None = None
    record: str | None = None
    expr: str = Field(min_length=1)
    hold: Seconds = Field(0.0, alias="for", ge=0)
    keep_firing_for: Seconds = Field(0.0, ge=0)
    labels: LabelMap = {}
    annotations: dict[str, str] = {}

    @field_validator("record")
    @classmethod
    def _no_recording_yet(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("recording rules are not evaluated yet: alerts on what it records would never fire")
        return value

    @model_validator(mode="after")
    def _alert_or_record(self) -> Rule:
        if bool(self.alert) == bool(self.record):
            raise ValueError("a rule has exactly one of alert and record")
        return self


class RuleGroup(Section):
    """Rules that are evaluated together, in order."""

    name: str = Field(min_length=1)
    interval: Seconds | None = None
    limit: int = Field(0, ge=0)
    labels: LabelMap = {}
    rules: tuple[Rule, ...] = ()


class RuleFile(Section):
    """All groups; a group of the operator replaces the default one of its name."""

    groups: tuple[RuleGroup, ...] = ()
