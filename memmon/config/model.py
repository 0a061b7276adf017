"""What every section of the configuration is."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, AllowInfNan, BaseModel, BeforeValidator, ConfigDict

from memmon import duration, labels
from memmon.errors import BadInput


class Section(BaseModel):
    """Frozen, and an unknown key is an error: a misspelt one must not be silently without
    effect.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def over(self, other: Self | None) -> Self:
        """Return this section with `other` laid over it: lists of named things merge by name, other
        given keys replace.
        """
        if other is None:
            return self
        changes = {name: _merge(getattr(self, name), getattr(other, name)) for name in other.model_fields_set}
        return self.model_copy(update=changes)


def _merge(mine: Any, theirs: Any) -> Any:
    named = [*mine, *theirs] if isinstance(mine, tuple) and isinstance(theirs, tuple) else []
    if not named or not all(hasattr(item, "name") for item in named):
        return theirs
    merged = {item.name: item for item in named}
    return tuple(merged.values())


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return duration.parse(value)
        except BadInput as error:
            raise ValueError(error.message) from None
    return value


def _label_names(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not labels.LABEL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a label name")
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), AllowInfNan(False)]
"""Seconds, written as a Prometheus duration (`5m`) or a number."""

LabelMap = Annotated[dict[str, str], AfterValidator(_label_names)]
"""Label names and their values."""


def distinct(kind: str, named: tuple[Any, ...]) -> None:
    """Raise ValueError where two have one name: one of them would silently be without effect."""
    names = [item.name for item in named]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two {kind} are called {name}")
