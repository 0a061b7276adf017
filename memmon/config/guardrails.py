"""playbooks.yml: what keeps every action within bounds: `limits`, `never`, `commands`."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from memmon.config.model import Seconds, Section


def _share(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("%"):
        try:
            return float(value[:-1]) / 100
        except ValueError:
            raise ValueError(f"{value} is not a share like 50%") from None
    return value


class Limit(Section):
    """How often, how widely and after how many failures the action `name` is done.

    cooldown: seconds between two runs on one subject. most, window: most runs within so much time
    (s), on all subjects. failures, rest: after this number of failures in a row the action pauses
    for `rest` seconds, then one run tries it. share: largest share of a kind's instances that may
    be acted on at once (at least one). A run that is too early waits up to `patience`.
    """

    name: str
    cooldown: Seconds = Field(0.0, ge=0, le=86400)
    most: int | None = Field(None, ge=1)
    window: Seconds = Field(3600.0, gt=0, le=7 * 86400)
    failures: int | None = Field(None, ge=1)
    rest: Seconds = Field(600.0, gt=0, le=86400)
    share: Annotated[float | None, BeforeValidator(_share), Field(gt=0, le=1)] = None
    patience: Seconds = Field(300.0, ge=0, le=3600)


class Never(Section):
    """What no action, or none of `actions`, is ever done to: targets by name, subjects (as
    `target/component`, an address, a feature) by name; both with `*` as in file names.
    """

    actions: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    reason: str = ""

    @model_validator(mode="after")
    def _about_something(self) -> Never:
        if not (self.targets or self.subjects):
            raise ValueError("needs targets or subjects")
        return self

    def forbids(self, action: str, target: str, subject: str) -> bool:
        """Tell whether it forbids an action on a target (or none, the empty name) and a subject."""
        mine = not self.actions or action in self.actions
        named_patterns = ((target, self.targets), (subject, self.subjects))
        return mine and any(
            fnmatch.fnmatchcase(name, pattern) for name, patterns in named_patterns if name for pattern in patterns
        )


class Command(Section):
    """A command that `run` may run: exactly these words, no shell, nothing of memmon's environment.
    `idempotent`: it may be run again when its worker died in the middle of it. Limits: seconds of
    CPU, MiB of memory, MiB of a file.
    """

    name: str = Field(min_length=1, max_length=64)
    argv: tuple[str, ...] = Field(min_length=1)
    folder: Path = Path("/")
    environment: dict[str, str] = {}
    idempotent: bool = False
    cpu_seconds: int = Field(30, ge=1)
    memory_mib: int = Field(1024, ge=16)
    file_mib: int = Field(1024, ge=0)

    @model_validator(mode="after")
    def _is_a_path(self) -> Command:
        if not self.argv[0].startswith("/"):
            raise ValueError(f"argv: {self.argv[0]} must be the whole path of a program")
        return self
