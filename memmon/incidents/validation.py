"""Pure: whether the playbooks and chains of a configuration can work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memmon.config import Config
from memmon.config.escalation import Chain
from memmon.config.playbooks import Playbook, Step
from memmon.errors import BadConfig, BadInput, BadQuery
from memmon.incidents import actions, correlation
from memmon.oncall import ical
from memmon.promql import parser
from memmon.security.event import SEVERITY


def check(config: Config) -> None:
    """Raise BadConfig for a playbook or chain that names what does not exist, or asks what cannot
    be asked.
    """
    _check_escalation(config)
    action_names = set(actions.names())
    for field, named in (
        ("limits", [limit.name for limit in config.playbooks.limits]),
        ("never", [name for entry in config.playbooks.never for name in entry.actions]),
    ):
        for name in named:
            if name not in action_names:
                raise BadConfig(f"{field}: {name} is not one of {', '.join(sorted(action_names))}", "playbooks", name)
    for playbook in config.playbooks.playbooks:
        _check_playbook(config, playbook)


def _check_playbook(config: Config, playbook: Playbook) -> None:
    if playbook.chain not in {chain.name for chain in config.escalation.chains}:
        raise BadConfig(
            f"playbook {playbook.name}: no chain {playbook.chain} in escalation.yml", "playbooks", playbook.chain
        )
    for condition in (playbook.match, *playbook.correlation.conditions):
        for name in condition.events:
            if name not in SEVERITY:
                raise BadConfig(f"playbook {playbook.name}: no event type {name}", "playbooks", name)
    for stage, _, step in playbook.steps():
        for wrong, reason in _wrong(config, step):
            raise BadConfig(f"{playbook.name}: {stage.name}: {reason}", "playbooks", wrong)
    for expr in _expressions(playbook):
        try:
            parser.parse(correlation.fill_query(expr, {}))
        except BadQuery as error:
            raise BadConfig(f"playbook {playbook.name}: {expr}: {error}", "playbooks", expr) from None


def _check_escalation(config: Config) -> None:
    _check_chains(config)
    _check_contacts(config)
    _check_schedules(config)


def _check_chains(config: Config) -> None:
    section = config.escalation
    intervals = {*config.routes.intervals, *(time_interval.name for time_interval in section.time_intervals)}
    allowed = {
        "receiver": _receivers(config),
        "contact": {contact.name for contact in section.contacts},
        "schedule": {schedule.name for schedule in section.schedules},
        "time interval": intervals,
    }
    for chain in section.chains:
        for kind, name in _references(chain):
            if name not in allowed[kind]:
                place = "routes.yml" if kind == "receiver" else "escalation.yml"
                raise BadConfig(f"chain {chain.name}: no {kind} {name} in {place}", "escalation", name)


def _references(chain: Chain) -> Iterator[tuple[str, str]]:
    """Yield kind and name of everything that the levels of a chain name."""
    for level in chain.levels:
        yield from (("receiver", name) for name in level.receivers)
        yield from (("contact", name) for name in level.contacts)
        yield from (("schedule", name) for name in level.on_call)
        yield from (("time interval", name) for name in level.hours)


def _check_contacts(config: Config) -> None:
    receivers = _receivers(config)
    for contact in config.escalation.contacts:
        for name in contact.receivers:
            if name not in receivers:
                raise BadConfig(f"contact {contact.name}: no receiver {name} in routes.yml", "escalation", name)


def _check_schedules(config: Config) -> None:
    contacts = {contact.name for contact in config.escalation.contacts}
    for schedule in config.escalation.schedules:
        members = [name for rotation in schedule.rotations for name in rotation.members]
        for name in (*members, *(override.contact for override in schedule.overrides)):
            if name not in contacts:
                raise BadConfig(f"schedule {schedule.name}: {name} is no contact", "escalation", name)
        for wrong in _left_out(schedule.calendar):
            raise BadConfig(f"schedule {schedule.name}: {schedule.ical}: {wrong}", "escalation", str(schedule.ical))


def _left_out(calendar: str | None) -> tuple[str, ...]:
    try:
        return ical.left_out(calendar) if calendar is not None else ()
    except BadInput as error:
        return (str(error),)


def _receivers(config: Config) -> set[str]:
    return {receiver.name for receiver in config.routes.receivers} | {"environment"}


def _expressions(playbook: Playbook) -> Iterator[str]:
    """Return every expression that a playbook asks."""
    expressions = [*(stage.when for stage in playbook.stages), playbook.verification.expr, *playbook.impact.values()]
    for _, _, step in playbook.steps():
        values = step.parameters.get("values", {}) if step.action == "note" else {}
        expressions += [
            step.when,
            step.verify.expr if step.verify else None,
            step.parameters.get("expr"),
            step.parameters.get("where"),
        ]
        expressions += values.values() if isinstance(values, dict) else []
    return (expr for expr in expressions if isinstance(expr, str) and expr)


def _wrong(config: Config, step: Step) -> Iterator[tuple[str, str]]:
    """Return the errors of a step: the word by which it is found in the file, and the reason."""
    yield from _wrong_call(config, step.action, step.parameters)
    undo = step.rollback
    action = actions.get(step.action)
    if undo and undo.action is None and action and action.undo is None:
        yield step.action, f"{step.action} has no undo; name the action that rolls it back"
    if undo and undo.action is not None:
        yield from _wrong_call(config, undo.action, undo.parameters)


def _wrong_call(config: Config, name: str, parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    action = actions.get(name)
    if action is None:
        yield name, f"{name} is not one of {', '.join(actions.names())}"
        return
    for needed in action.needs:
        if needed not in parameters:
            yield name, f"{name} needs the parameter {needed}"
    references = {
        "target": ({target.name for target in config.targets.targets}, "targets.yml"),
        "receiver": (_receivers(config), "routes.yml"),
        "command": ({command.name for command in config.playbooks.commands}, "playbooks.yml"),
    }
    for parameter, value in parameters.items():
        kind = action.takes.get(parameter)
        if kind is None:
            yield parameter, f"{name} takes no parameter {parameter}, only {', '.join(sorted(action.takes))}"
        elif not kind.fits(value):
            yield _word(value, parameter), f"{name}: parameter {parameter} must be {kind.words}"
        elif parameter in references and "$" not in str(value) and str(value) not in references[parameter][0]:
            yield str(value), f"{name}: no {parameter} {value} in {references[parameter][1]}"


def _word(value: Any, name: str) -> str:
    return value if isinstance(value, str) and value else name
