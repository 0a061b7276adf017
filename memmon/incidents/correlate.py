"""Pure: which incident an alert belongs to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from memmon import labels as label_sets
from memmon.config.playbooks import Match, Playbook
from memmon.errors import Permanent

LONGEST_KEY = 255
AS_WRITTEN = ("url", "headers")

_LABEL = re.compile(r"\$([a-zA-Z_][a-zA-Z0-9_]*)")


def playbook_for(playbooks: Iterable[Playbook], alert: Mapping[str, Any]) -> Playbook | None:
    """Return the first playbook that takes the alert, or None."""
    return next((playbook for playbook in playbooks if _takes(playbook.match, alert)), None)


def _takes(match: Match, alert: Mapping[str, Any]) -> bool:
    return (
        (not match.alerts or alert["name"] in match.alerts)
        and (not match.severities or alert["severity"] in match.severities)
        and all(alert["labels"].get(name, "") == value for name, value in match.labels.items())
    )


def key(playbook: Playbook, labels: Mapping[str, str]) -> str:
    """Return what one incident at a time is open for: the playbook and the labels that it groups by."""
    shared = label_sets.of({name: labels.get(name, "") for name in playbook.group_by})
    text = f"{playbook.name}{label_sets.show(shared)}"
    return text if len(text) <= LONGEST_KEY else f"{hashlib.sha256(text.encode()).hexdigest()} {text}"[:LONGEST_KEY]


def fill(text: str, labels: Mapping[str, str]) -> str:
    """Return `text` with each `$label` as its value; `?` for a label that is not there. For titles."""
    return " ".join(_LABEL.sub(lambda found: labels.get(found.group(1), "?"), text).split())


def fill_query(expr: str, labels: Mapping[str, str]) -> str:
    """Return `expr` with each `$label` escaped as inside the quotes of a matcher; nothing for a label that is not there."""
    return _LABEL.sub(lambda found: label_sets.escape(labels.get(found.group(1), "")), expr)


def fill_parameters(parameters: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Return `parameters` with their `$label`s filled in; raise Permanent for a label that is not there.

    `url` and `headers` stay as the operator wrote them: an address must never come out of a label, and a secret may hold a $.
    """

    def value(name: str) -> str:
        if not labels.get(name):
            raise Permanent(f"the incident has no label {name}")
        return labels[name]

    def filled(given: Any) -> Any:
        if isinstance(given, str):
            return _LABEL.sub(lambda found: value(found.group(1)), given)
        if isinstance(given, Mapping):
            return {name: filled(item) for name, item in given.items()}
        return [filled(item) for item in given] if isinstance(given, list) else given

    return {name: given if name in AS_WRITTEN else filled(given) for name, given in parameters.items()}
