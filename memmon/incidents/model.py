"""Pure: the inputs and the results of incident decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from memmon.config.playbooks import Playbook, Stage, Step

LOOK_EVERY = 5.0
"""Seconds between two looks at a recovery."""

WAIT = 30.0
"""Seconds between two looks while alerts fire or an action is under way: their end wakes the
incident sooner.
"""

UNDER_WAY = ("waiting", "held", "approval", "running")
DONE = ("done", "dry_run")
"""States of an action that has not failed."""

MAX_ROUNDS = 3
"""How often the stages are gone through: an alert that comes after their end is a reason to begin
again, a flapping one is not a reason to restart for ever.
"""


class StepKey(NamedTuple):
    """Where an action stands: the step `step` of a stage, or what takes it back."""

    stage: str
    step: int
    undo: bool = False


class Progress(NamedTuple):
    """Progress of an incident. Times are Unix seconds; `group` counts the finished groups of the
    stage, and `passed` lists the finished steps of the current group; `effect` is the effect of
    their failures (next, stop). `overdue` and `skipped` name stages; `ending` is why actions are
    rolled back (failure, end); `round` counts the earlier passes through the stages, `first` the
    passes before this response (a reopened incident starts again), and `joined` is True if an alert
    joined after this round began.
    """

    stage: int = 0
    group: int = 0
    passed: tuple[int, ...] = ()
    effect: str = ""
    entered: bool = False
    acted_at: float | None = None
    failed: bool = False
    held_since: float | None = None
    manual: bool = False
    ending: str = ""
    overdue: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    round: int = 0
    first: int = 0
    joined: bool = False


class Ended(NamedTuple):
    """How an action is: its state, and when it ended (Unix seconds). One that has not begun since a
    limit makes it wait is `held`.
    """

    state: str
    at: float | None


class Situation(NamedTuple):
    """All that the decision is made from. `actions` are those of this round; `firing`: a source
    still fires; `watched`: what the incident is about is a target, so that its recovery can be
    asked for.
    """

    opened_at: float
    playbook: Playbook
    progress: Progress
    actions: Mapping[StepKey, Ended]
    firing: bool
    watched: bool = True


class Ask(NamedTuple):
    """The answer to this expression is needed first."""

    expr: str


class AddNote(NamedTuple):
    """A line for the timeline."""

    kind: str
    text: str


class Run(NamedTuple):
    """Do this step of this stage, or take it back."""

    stage: Stage
    step_number: int
    undo: bool = False

    @property
    def step(self) -> Step:
        return self.stage.every[self.step_number]


class Withdraw(NamedTuple):
    """The step `step_number` of this stage no longer needs approval."""

    stage: str
    step_number: int


class Escalate(NamedTuple):
    """Page the next level now."""

    reason: str


class Mitigated(NamedTuple):
    """The harm has ended."""


class Close(NamedTuple):
    """The incident is over."""

    reason: str


Command = AddNote | Run | Withdraw | Escalate | Mitigated | Close


class Decision(NamedTuple):
    """Commands to run now, in order; the resulting progress, and the time of the next check (Unix
    seconds).
    """

    progress: Progress
    commands: tuple[Command, ...]
    due_at: float


def state_of(playbook: Playbook, progress: Progress) -> str:
    """Return open, verifying, rolling_back or manual."""
    if progress.manual:
        return "manual"
    if progress.ending:
        return "rolling_back"
    return "verifying" if progress.stage >= len(playbook.stages) else "open"
