"""Pure: reads the configuration snapshot of an incident, also one of an earlier version of memmon.

An incident outlives an upgrade: what the models know no more is passed over, and where they cannot
read it at all the incident is still shown, paged for and closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from memmon.config.escalation import Chain, Level
from memmon.config.playbooks import Condition, Playbook
from memmon.incidents.model import Progress

UNREADABLE = Playbook(name="unreadable", title="", severity="critical", mttr_target=1, match=Condition())
"""Takes no step; the incident closes when nothing fires."""

EVERYBODY = Chain(name="everybody", levels=(Level(name="everybody", after=0),))
"""Pages the receivers of all alerts."""


def is_readable(stored: Mapping[str, Any]) -> bool:
    """Tell whether the playbook of an incident is one still."""
    return playbook(stored) is not UNREADABLE


def playbook(stored: Mapping[str, Any]) -> Playbook:
    """Return the playbook of an incident, UNREADABLE where it cannot be read any more."""
    try:
        return Playbook.model_validate(stored, extra="ignore")
    except ValidationError:
        return UNREADABLE


def chain(stored: Mapping[str, Any]) -> Chain:
    """Return the chain of an incident, EVERYBODY where it cannot be read any more."""
    try:
        return Chain.model_validate(stored, extra="ignore")
    except ValidationError:
        return EVERYBODY


def progress(stored: Mapping[str, Any]) -> Progress:
    """Return the stored progress; missing fields have their initial values."""
    fields: dict[str, Any] = {name: stored[name] for name in Progress._fields if name in stored}
    for name in ("overdue", "skipped", "passed"):
        fields[name] = tuple(fields.get(name, ()))
    return Progress(**fields)
