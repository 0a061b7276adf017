"""Random outcomes, duplicate, lost and delayed jobs, dying workers, clock jumps and an emptied
Redis: every incident ends or is paged, no action runs twice, and the audit log is complete.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from memmon.alerts import service as alerts
from memmon.audit import service as audit_service
from memmon.context import Context
from memmon.errors import Conflict, NotFound, Permanent, Transient
from memmon.incidents import action_store, actions, auditor, service
from memmon.incidents.actions.base import Action, ActionCall
from memmon.jobs import Job
from tests.conftest import Clock
from tests.memmon.incidents.story import ESCALATION, ROUTES

PLAYBOOKS = """
playbooks:
  - name: test
    title: 'Trouble of $instance'
    severity: high
    mttr_target: 10m
    match: {labels: {category: test}}
    correlation: {group_by: [instance]}
    reopen: 60s
    stages:
      - name: one
        due: 30s
        steps:
          - parallel:
              - {action: light, rollback: {after: end}, attempts: 2}
              - {action: light, on_failure: escalate, while_firing: true}
          - {action: light, on_failure: stop, approval: {within: 60s, otherwise: escalate}}
      - name: two
        due: 90s
        steps:
          - {action: light, on_failure: next, rollback: {}}
          - {action: light, delay: 10s}
    verification: {settle: 1s, hold: 5s, timeout: 60s}
limits:
  - {name: light, cooldown: 1s, most: 1000, window: 1h, failures: 4, rest: 20s, patience: 30s}
"""
OUTCOMES = ("done", "transient", "permanent", "dies before", "dies after")


class Killed(BaseException):
    """The worker dies here."""


class World:
    """What actions change: how often each key had its effect."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.undone: Counter[str] = Counter()
        self.outcome = "done"

    def act(self, ctx: Context, call: ActionCall) -> str:
        outcome = self.outcome
        if outcome == "transient":
            raise Transient("no power")
        if outcome == "permanent":
            raise Permanent("no lamp")
        if outcome == "dies before":
            raise Killed
        self.effects[call.key] += 1
        if outcome == "dies after":
            raise Killed
        return "lit"

    def probe(self, ctx: Context, call: ActionCall) -> str | None:
        return "lit" if self.effects[call.key] else None

    def undo(self, ctx: Context, call: ActionCall) -> str:
        if self.outcome == "dies before":
            raise Killed
        self.undone[call.key] += 1  # A second rollback changes nothing.
        return "dark"

    @property
    def action(self) -> Action:
        return Action(self.act, lambda *_: {"was": "dark"}, self.probe, self.undo, takes={})


class Incidents(RuleBasedStateMachine):
    """A fleet of which only the promises hold."""

    make: Callable[[], Context]
    clock: Clock
    world: World

    @initialize()
    def begin(self) -> None:
        """Start with nothing."""
        self.ctx = type(self).make()
        self.jobs: list[Job] = []
        self.world.__init__()  # type: ignore[misc]
        self.audit()
        self.fire("a", "hot", 90)
        self.tick(1)

    @rule(instance=st.sampled_from("ab"), name=st.sampled_from(["hot", "cold"]), ttl=st.integers(5, 90))
    def fire(self, instance: str, name: str, ttl: int) -> None:
        """An alert starts or continues to fire."""
        alerts.raise_event(self.ctx, name, "error", {"category": "test", "instance": instance}, {"summary": name}, ttl)

    @rule(seconds=st.sampled_from([0, 1, 5, 10, 30, 61]))
    def tick(self, seconds: float) -> None:
        """Time passes, and the ticks of beat come."""
        self.clock.move(seconds)
        if abs(self.clock.now - self.audited) >= auditor.EVERY:
            self.audit()
        alerts.evaluate(self.ctx)
        self.jobs += service.correlate(self.ctx)
        self.jobs += [job for job in service.due(self.ctx) if job not in self.jobs]

    @precondition(lambda self: self.jobs)
    @rule(
        deliveries=st.lists(
            st.tuples(st.integers(0, 50), st.booleans(), st.sampled_from(OUTCOMES)), min_size=1, max_size=8
        )
    )
    def work(self, deliveries: list[tuple[int, bool, str]]) -> None:
        """Workers take jobs, each of which may be delivered once more."""
        for field, again, outcome in deliveries:
            if self.jobs:
                index = field % len(self.jobs)
                job = self.jobs[index] if again else self.jobs.pop(index)
                self.world.outcome = outcome
                self._do(job)

    def _do(self, job: Job) -> None:
        verbs: dict[str, Any] = {
            "incidents.advance": service.advance,
            "incidents.act": service.act,
            "incidents.correlate": service.correlate,
        }
        if job.name not in verbs:
            return
        try:
            self.jobs += verbs[job.name](self.ctx, *job.args)
        except Killed:
            return  # Its claim ends by itself.

    @precondition(lambda self: self.jobs)
    @rule(field=st.integers(0, 1000))
    def lose(self, field: int) -> None:
        """The broker loses a message."""
        self.jobs.pop(field % len(self.jobs))

    @rule()
    def wipe(self) -> None:
        """Redis is emptied."""
        self.ctx.redis.flushall()
        self.jobs.clear()

    @rule(seconds=st.sampled_from([-7200, -60, 3600]))
    def jump(self, seconds: float) -> None:
        """The clock is set, a moment after an audit; a next step may come before the audit that
        detects it.
        """
        self.audit()
        self.clock.move(seconds)

    @rule(index=st.integers(1, 3), verb=st.sampled_from(["acknowledge", "resolve", "approve", "reject", "escalate"]))
    def decide(self, index: int, verb: str) -> None:
        """A person acts on an incident, where possible."""
        with suppress(Conflict, NotFound):
            if verb in ("approve", "reject"):
                waiting = [a for a in service.show(self.ctx, index)["actions"] if a["state"] == "approval"]
                if waiting:
                    answer = service.decide(self.ctx, index, waiting[0]["number"], verb == "approve", "dana")
                    self.jobs += answer[1]
                return
            self.jobs += getattr(service, verb)(self.ctx, index, "dana")[1]

    @rule()
    def audit(self) -> None:
        """The auditor looks."""
        self.audited = self.clock.now
        self.jobs += service.audit(self.ctx)

    @invariant()
    def nothing_has_its_effect_twice(self) -> None:
        """However often an action is delivered."""
        if hasattr(self, "ctx"):
            assert all(count == 1 for count in self.world.effects.values()), self.world.effects

    def teardown(self) -> None:
        """From here on the fleet is well: everything must come to its end, and the record must tell
        all of it.
        """
        if not hasattr(self, "ctx"):
            return
        self.world.outcome = "done"
        self.jobs.clear()
        for _ in range(120):
            self.tick(10)
            for _ in range(200):
                if not self.jobs:
                    break
                self._do(self.jobs.pop(0))
        actual = service.listing(self.ctx, limit=100)["incidents"]
        for entry in actual:
            whole = service.show(self.ctx, entry["id"])
            paging = whole["escalation"]["next_level_at"] or whole["acknowledged_by"]
            assert whole["state"] == "resolved" or paging, whole
            self._is_told(whole)
        service.due(self.ctx)
        assert audit_service.verify(self.ctx)["problems"] == []
        self.ctx.close()

    def _is_told(self, whole: dict[str, Any]) -> None:
        """Every end of an action, every page, beginning and end is a line of the record."""
        lines = Counter(line["kind"] for line in whole["timeline"])
        received = {
            line["detail"].get("number") for line in whole["timeline"] if line["kind"] in ("action", "approval")
        }
        ended = {a["number"] for a in whole["actions"] if a["state"] in ("done", "failed", "refused", "dry_run")}
        assert ended <= received
        assert lines["page"] == whole["escalation"]["pages"]
        assert lines["opened"] == 1 + whole["reopened"]
        assert lines["resolved"] == whole["reopened"] + (whole["state"] == "resolved")
        with self.ctx.read() as session:
            assert all(a.state != "running" for a in action_store.of(session, whole["id"]))
        assert all(self.world.effects[key] <= 1 for key in self.world.effects)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_incident_ends_or_is_paging_and_nothing_is_done_twice(
    make_ctx: Callable[..., Context],
    sqlite_template: Path,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    monkeypatch.setitem(actions.ACTIONS, "light", world.action)
    folder = tmp_path / "home" / "config"
    folder.mkdir(parents=True)
    for name, text in (("playbooks", PLAYBOOKS), ("routes", ROUTES), ("escalation", ESCALATION)):
        (folder / f"{name}.yml").write_text(text)
    numbers = iter(range(10**6))
    start = clock.now

    def make() -> Context:
        clock.now = start
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(sqlite_template, path)
        ctx = make_ctx(MEMMON_DATABASE_URL=f"sqlite:///{path}")
        ctx.redis.flushall()
        seen = ctx.settings.run_dir / "record.seen"
        seen.unlink(missing_ok=True)
        return ctx

    machine = type("Machine", (Incidents,), {"make": staticmethod(make), "clock": clock, "world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("MACHINE_EXAMPLES", "25")),
            stateful_step_count=40,
            deadline=None,
            # A counterexample is small enough, and minutes are long.
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
