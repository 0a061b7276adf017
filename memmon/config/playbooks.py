"""playbooks.yml and escalation.yml: what is done about an incident, and who is told when nobody answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from memmon.config.model import LabelMap, Seconds, Section

Severity = Literal["low", "medium", "high", "critical"]


class Match(Section):
    """Which firing alerts open the incident: by alert name, by severity, by labels; every given part must hold."""

    alerts: tuple[str, ...] = ()
    severities: tuple[Literal["info", "warning", "error", "critical"], ...] = ()
    labels: LabelMap = {}


class Step(Section):
    """One action, `delay` after the one before it. Parameters may name labels of the incident as `$label`; `when` is a PromQL
    expression, and holds when its result is not empty; `while_firing` skips the step once no source alert fires any more."""

    action: str
    parameters: dict[str, Any] = {}
    when: str | None = None
    while_firing: bool = False
    delay: Seconds = Field(0.0, ge=0)
    on_failure: Literal["continue", "stop", "escalate"] = "continue"
    attempts: int = Field(3, ge=1, le=10)
    timeout: Seconds = Field(15.0, gt=0, le=45)
    approval: bool = False


class Stage(Section):
    """Steps with a due time, counted from the incident's opening. A stage that `mitigates` ends the harm: its success is the
    moment that the time to mitigate is measured to, where no recovery was seen before it."""

    name: str = Field(min_length=1, max_length=64)
    due: Seconds = Field(gt=0)
    when: str | None = None
    mitigates: bool = False
    steps: tuple[Step, ...] = ()


class Verification(Section):
    """Recovered means: no source alert fires and `expr`, where the instance is still watched, has a result, for `hold` on end,
    looked at no sooner than `settle` after the last action. What has not recovered `timeout` after it is for people to mend."""

    expr: str | None = None
    settle: Seconds = Field(10.0, ge=0)
    hold: Seconds = Field(30.0, ge=0)
    timeout: Seconds = Field(600.0, gt=0)


class Playbook(Section):
    """One workflow of the runbook."""

    name: str
    title: str
    severity: Severity
    mttr_target: Seconds = Field(gt=0)
    match: Match
    group_by: tuple[str, ...] = ()
    chain: str = "operations"
    stages: tuple[Stage, ...] = ()
    verification: Verification = Verification()
    runbook: str = ""

    @model_validator(mode="after")
    def _stages_have_names_of_their_own(self) -> Playbook:
        names = [stage.name for stage in self.stages]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two stages of {self.name} are called {name}")
        return self


class Playbooks(Section):
    """Every playbook; the first that matches an alert takes it."""

    playbooks: tuple[Playbook, ...] = ()

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Playbooks:
        _distinct("playbooks", self.playbooks)
        return self


class Level(Section):
    """One rung of an escalation chain: `after` the opening, these receivers (of routes.yml) are told. Without any it is whoever
    hears of every alert: the environment's e-mail and webhook, and the receiver of the root route."""

    name: str
    after: Seconds = Field(ge=0)
    receivers: tuple[str, ...] = ()
    contact: str = ""


class Chain(Section):
    """Levels in rising order of `after`; the last one is repeated every `repeat` until somebody answers."""

    name: str
    levels: tuple[Level, ...] = Field(min_length=1)
    repeat: Seconds = Field(1800.0, gt=0)

    @model_validator(mode="after")
    def _levels_rise(self) -> Chain:
        times = [level.after for level in self.levels]
        if times != sorted(times):
            raise ValueError(f"the levels of {self.name} must come in the order of their times")
        return self


class Escalation(Section):
    """Every chain."""

    chains: tuple[Chain, ...] = ()

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Escalation:
        _distinct("chains", self.chains)
        return self


def _distinct(what: str, named: tuple[Any, ...]) -> None:
    """One of two of the same name would silently be without effect."""
    names = [one.name for one in named]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two {what} are called {name}")
