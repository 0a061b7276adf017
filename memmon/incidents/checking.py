"""Pure: whether the playbooks and chains of a configuration can work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memmon.config import Config
from memmon.config.playbooks import Playbook, Step
from memmon.errors import BadConfig, BadQuery
from memmon.incidents import correlate as correlation
from memmon.incidents.actions import ACTIONS
from memmon.promql import guard


def check(config: Config) -> None:
    """Raise BadConfig for a playbook or chain that names what does not exist, or asks what cannot be asked."""
    receivers = _receivers(config)
    for chain in config.escalation.chains:
        for name in (name for level in chain.levels for name in level.receivers):
            if name not in receivers:
                raise BadConfig(f"chain {chain.name}: no receiver {name} in routes.yml", "escalation", name)
    for one in config.playbooks.playbooks:
        if one.chain not in {chain.name for chain in config.escalation.chains}:
            raise BadConfig(f"playbook {one.name}: no chain {one.chain} in escalation.yml", "playbooks", one.chain)
        for stage in one.stages:
            for step in stage.steps:
                for wrong, reason in _wrong(config, step):
                    raise BadConfig(f"{one.name}: {stage.name}: {reason}", "playbooks", wrong)
        for expr in _expressions(one):
            try:
                guard.parse(correlation.fill_query(expr, {}))
            except BadQuery as error:
                raise BadConfig(f"playbook {one.name}: {expr}: {error}", "playbooks", expr) from None


def _receivers(config: Config) -> set[str]:
    return {receiver.name for receiver in config.routes.receivers} | {"environment"}


def _expressions(one: Playbook) -> list[str]:
    steps = [step for stage in one.stages for step in stage.steps]
    given = [*(stage.when for stage in one.stages), *(step.when for step in steps), one.verification.expr]
    return [expr for expr in given if expr]


def _wrong(config: Config, step: Step) -> Iterator[tuple[str, str]]:
    """Return what is wrong with a step: the word in the file by which it is found, and why."""
    action = ACTIONS.get(step.action)
    if action is None:
        yield step.action, f"{step.action} is none of {', '.join(sorted(ACTIONS))}"
        return
    for name in action.needs:
        if name not in step.parameters:
            yield step.action, f"{step.action} needs the parameter {name}"
    for name, value in step.parameters.items():
        kind = action.takes.get(name)
        if kind is None:
            known = ", ".join(sorted(action.takes))
            yield name, f"{step.action} takes no parameter {name}, only {known}"
        elif not kind.fits(value):
            yield _word(value, name), f"{step.action}: parameter {name} must be {kind.words}"
        elif name == "target" and _is_missing(str(value), {one.name for one in config.targets.targets}):
            yield str(value), f"{step.action}: no target {value} in targets.yml"
        elif name == "receiver" and _is_missing(str(value), _receivers(config)):
            yield str(value), f"{step.action}: no receiver {value} in routes.yml"


def _is_missing(value: str, known: set[str]) -> bool:
    return "$" not in value and value not in known


def _word(value: Any, name: str) -> str:
    return value if isinstance(value, str) and value else name
