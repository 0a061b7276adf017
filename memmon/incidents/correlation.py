"""Pure: which incident an alert or an event belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from memmon import labels as label_sets
from memmon.config.playbooks import Condition, Playbook
from memmon.errors import Permanent
from memmon.routing.route import short

LONGEST_KEY = 255
AS_WRITTEN = ("url", "headers", "expr", "where", "values")

_LABEL = re.compile(r"\$([a-zA-Z_][a-zA-Z0-9_]*)")


class Sign(NamedTuple):
    """Something that happens: an alert that fires, or a security event. `at` is when it began (Unix
    seconds).
    """

    kind: str  # alert or event
    id: int
    name: str  # alert name or event type
    severity: str
    labels: Mapping[str, str]
    at: float
    message: str = ""
    value: float | None = None


def playbook_for(playbooks: Iterable[Playbook], sign: Sign) -> Playbook | None:
    """Return the first playbook that takes the alert or event, or None."""
    return next((playbook for playbook in playbooks if takes(playbook, sign)), None)


def takes(playbook: Playbook, sign: Sign) -> bool:
    """Tell whether a playbook is about an alert or event: its match or one of its conditions
    holds.
    """
    return any(meets(condition, sign) for condition in (playbook.match, *playbook.correlation.conditions))


def meets(condition: Condition, sign: Sign) -> bool:
    """Tell whether a condition holds of an alert or event."""
    if sign.kind == "event":
        named = sign.name in condition.events
    else:
        named = sign.name in condition.alerts if condition.alerts else not condition.events
    return (
        named
        and (not condition.severities or sign.severity in condition.severities)
        and all(sign.labels.get(name, "") == value for name, value in condition.labels.items())
    )


def is_complete(playbook: Playbook, signs: Sequence[Sign]) -> bool:
    """Return True if the signs open an incident: every condition is met within the window."""
    rule = playbook.correlation
    if not rule.conditions:
        return bool(signs)
    for latest in signs:
        near = [sign for sign in signs if latest.at - rule.window <= sign.at <= latest.at]
        if all(any(meets(condition, sign) for sign in near) for condition in rule.conditions):
            return True
    return False


def key(playbook: Playbook, labels: Mapping[str, str]) -> str:
    """Return what one incident at a time is open for: the playbook and the labels that it groups
    by.
    """
    shared = label_sets.of({name: labels.get(name, "") for name in playbook.correlation.group_by})
    return short(f"{playbook.name}{label_sets.show(shared)}", LONGEST_KEY)


def fill(text: str, labels: Mapping[str, str]) -> str:
    """Return `text` with each `$label` as its value; `?` for a label that is not there. For titles
    and notes.
    """
    return " ".join(_LABEL.sub(lambda match: labels.get(match.group(1), "?"), text).split())


def fill_query(expr: str, labels: Mapping[str, str]) -> str:
    """Return `expr` with each `$label` escaped as inside the quotes of a matcher; nothing for a
    label that is not there.
    """
    return _LABEL.sub(lambda match: label_sets.escape(labels.get(match.group(1), "")), expr)


def fill_parameters(parameters: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Return `parameters` with their `$label`s filled in; raise Permanent for a label that is not
    there.

    `url` and `headers` stay as the operator wrote them: an address must never come out of a label,
    and a secret may hold a $. So do `expr`, `where` and `values`, which are filled in as queries
    are.
    """

    def label_value(name: str) -> str:
        if not labels.get(name):
            raise Permanent(f"the incident has no label {name}")
        return labels[name]

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return _LABEL.sub(lambda match: label_value(match.group(1)), value)
        if isinstance(value, Mapping):
            return {name: filled(item) for name, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value

    return {name: value if name in AS_WRITTEN else filled(value) for name, value in parameters.items()}
