"""playbooks.yml: the response to incidents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from memmon.config.guardrails import Command, Limit, Never
from memmon.config.model import LabelMap, Seconds, Section, distinct

Severity = Literal["low", "medium", "high", "critical"]


class Condition(Section):
    """What of an alert or a security event must be so: alert name, event type, alert severity,
    labels; every given part must hold. Without alerts and events it is about every alert.
    """

    alerts: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    severities: tuple[Literal["info", "warning", "error", "critical"], ...] = ()
    labels: LabelMap = {}


class Correlation(Section):
    """Which alerts make one incident: those of the same values of the labels `group_by`. With
    `conditions` it opens only once each of them was met within `window` of the others; `topology`
    lets the alerts of what depends on a target (`depends_on` in targets.yml) join the incident of
    that target. An event counts as firing for `window` after it came.
    """

    group_by: tuple[str, ...] = ()
    window: Seconds = Field(300.0, gt=0, le=86400)
    conditions: tuple[Condition, ...] = ()
    topology: bool = False


class Approval(Section):
    """Approval of an action: `who` may approve (names of tokens or users; default every operator),
    how long it waits, and the result of a timeout. `escalate` pages the next level and waits as
    long again.
    """

    who: tuple[str, ...] = ()
    within: Seconds = Field(900.0, gt=0, le=7 * 86400)
    otherwise: Literal["reject", "approve", "escalate"] = "reject"


class Proof(Section):
    """How it is seen that an action had its effect: `expr` has a result, `within` so long after
    it.
    """

    expr: str
    within: Seconds = Field(60.0, gt=0, le=3600)


class Undo(Section):
    """How an action is rolled back: by its own undo, or by another `action`. `after` a failure
    (verification failed), or also at the `end` of the incident.
    """

    action: str | None = None
    parameters: dict[str, Any] = {}
    after: Literal["failure", "end"] = "failure"


def _approval(value: Any) -> Any:
    return {True: {}, False: None}.get(value, value) if isinstance(value, bool) else value


class Step(Section):
    """One action, `delay` after the one before it. Parameters may name labels of the incident as
    `$label`; `when` is a PromQL expression, and holds when its result is not empty; `while_firing`
    skips the step once no source fires any more.

    What a failure means is in `on_failure`: continue with the next step, or with the `next` stage;
    stop: people are paged and do the rest; escalate: they are paged, and the next step follows.
    """

    action: str
    parameters: dict[str, Any] = {}
    when: str | None = None
    while_firing: bool = False
    delay: Seconds = Field(0.0, ge=0)
    on_failure: Literal["continue", "next", "stop", "escalate"] = "continue"
    attempts: int = Field(3, ge=1, le=10)
    backoff: Seconds = Field(1.0, gt=0, le=60)
    timeout: Seconds = Field(15.0, gt=0, le=45)
    approval: Annotated[Approval | None, BeforeValidator(_approval)] = None
    dry_run: bool = False
    verify: Proof | None = None
    rollback: Undo | None = None


class Together(Section):
    """Steps that are begun at once; what follows them waits for all."""

    parallel: tuple[Step, ...] = Field(min_length=1)


def _form(value: Any) -> str:
    fields = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return "together" if "parallel" in fields else "step"


AnyStep = Annotated[Annotated[Step, Tag("step")] | Annotated[Together, Tag("together")], Discriminator(_form)]


class Numbered(NamedTuple):
    """A step and its number in its stage, from 0, those of a parallel group counted one by one."""

    step_number: int
    step: Step


class Stage(Section):
    """Steps with a due time, counted from the incident's opening. It applies where `when` has a
    result, or with `otherwise` where the stage before it did not apply: the other branch. A stage
    that `mitigates` ends the harm: its success is the moment that the time to mitigate is measured
    to, where no recovery was seen before it.
    """

    name: str = Field(min_length=1, max_length=64)
    due: Seconds = Field(gt=0)
    when: str | None = None
    otherwise: bool = False
    mitigates: bool = False
    steps: tuple[AnyStep, ...] = ()

    @property
    def groups(self) -> tuple[tuple[Numbered, ...], ...]:
        """The steps in order, grouped by steps that start together."""
        groups: list[tuple[Numbered, ...]] = []
        step_number = 0
        for step in self.steps:
            steps = step.parallel if isinstance(step, Together) else (step,)
            groups.append(tuple(Numbered(step_number + i, step) for i, step in enumerate(steps)))
            step_number += len(steps)
        return tuple(groups)

    @property
    def every(self) -> dict[int, Step]:
        """Every step by its number."""
        return {step_number: step for group in self.groups for step_number, step in group}


class Verification(Section):
    """Recovery criteria: no source fires and `expr` (where the instance is still scraped) has a
    result, for `hold` seconds, checked `settle` after the last action at the earliest. After
    `timeout` without recovery people take over.
    """

    expr: str | None = None
    settle: Seconds = Field(10.0, ge=0)
    hold: Seconds = Field(30.0, ge=0)
    timeout: Seconds = Field(600.0, gt=0)


class Playbook(Section):
    """One workflow of the runbook. Where the same comes back within `reopen` of its end the
    incident is opened again. `impact` names what the post-mortem draws: title and PromQL
    expression. With `dry_run` it decides, and does nothing.
    """

    name: str = Field(min_length=1, max_length=64)
    title: str
    severity: Severity
    mttr_target: Seconds = Field(gt=0)
    match: Condition
    correlation: Correlation = Correlation()
    chain: str = "operations"
    stages: tuple[Stage, ...] = ()
    verification: Verification = Verification()
    reopen: Seconds = Field(300.0, ge=0, le=86400)
    dry_run: bool = False
    impact: dict[str, str] = {}
    runbook: str = ""

    @model_validator(mode="after")
    def _stages_have_names_of_their_own(self) -> Playbook:
        names = [stage.name for stage in self.stages]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two stages of {self.name} are called {name}")
        if self.stages and self.stages[0].otherwise:
            raise ValueError(f"the first stage of {self.name} has none before it to be otherwise to")
        return self

    def steps(self) -> Iterator[tuple[Stage, int, Step]]:
        """Return every step with its stage and number."""
        return ((stage, step_number, step) for stage in self.stages for step_number, step in stage.every.items())


class Playbooks(Section):
    """All playbooks; the first match takes an alert. Also the guardrails of all actions: dry run,
    limits by action, deny list, and the commands of `run`.
    """

    playbooks: tuple[Playbook, ...] = ()
    dry_run: bool = False
    limits: tuple[Limit, ...] = ()
    never: tuple[Never, ...] = ()
    commands: tuple[Command, ...] = ()

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Playbooks:
        distinct("playbooks", self.playbooks)
        distinct("limits", self.limits)
        distinct("commands", self.commands)
        return self

    def over(self, other: Self | None) -> Self:
        """Return these with `other` laid over them; its playbooks come first, since the first that
        matches takes an alert.
        """
        merged = super().over(other)
        replaced = {playbook.name for playbook in other.playbooks} if other else set()
        mine = tuple(playbook for playbook in self.playbooks if playbook.name not in replaced)
        return merged.model_copy(update={"playbooks": (*(other.playbooks if other else ()), *mine)})

    def limit(self, action: str) -> Limit:
        """Return what holds for an action; one that nobody limits has no limits."""
        return next((limit for limit in self.limits if limit.name == action), Limit(name=action))
