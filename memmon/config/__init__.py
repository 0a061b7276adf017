"""The configuration: memmon's defaults with the operator's folder over them, checked as a whole
before any of it is used.
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TypeVar

from memmon import files
from memmon.config.document import find, read, text_of
from memmon.config.escalation import Escalation
from memmon.config.model import Section
from memmon.config.playbooks import Playbooks
from memmon.config.routes import Routes
from memmon.config.rules import RuleFile
from memmon.config.sections import Checks, Detectors
from memmon.config.targets import Targets, built_in
from memmon.errors import BadConfig, Conflict
from memmon.settings import Settings

S = TypeVar("S", bound=Section)
DEFAULTS = Path(__file__).parent.parent / "defaults"


class Config(Section):
    """Every section, checked. Lists of named things hold the defaults first, replaced by the
    operator's of one name.
    """

    targets: Targets
    rules: RuleFile
    routes: Routes
    escalation: Escalation
    playbooks: Playbooks
    detectors: Detectors
    checks: Checks


def load(settings: Settings) -> Config:
    """Return the configuration for `settings`; raise BadConfig with file, line and key of the first
    thing wrong.
    """
    folder = settings.config_folder
    targets = (
        read(DEFAULTS / "targets.yml", Targets).over(built_in(settings)).over(_own(folder, "targets.yml", Targets))
    )
    try:
        targets.check()
    except ValueError as error:
        raise BadConfig(f"{folder / 'targets.yml'}: depends_on: {error}") from None
    rules = read(DEFAULTS / "rules.yml", RuleFile).over(_own(folder, "rules.yml", RuleFile))
    for path in sorted((folder / "rules").glob("*.yml")):
        rules = rules.over(read(path, RuleFile))
    return Config(
        targets=targets,
        rules=rules,
        routes=_with_templates(folder, _own(folder, "routes.yml", Routes)) or read(DEFAULTS / "routes.yml", Routes),
        escalation=_with_calendars(
            folder, read(DEFAULTS / "escalation.yml", Escalation).over(_own(folder, "escalation.yml", Escalation))
        ),
        playbooks=read(DEFAULTS / "playbooks.yml", Playbooks).over(_own(folder, "playbooks.yml", Playbooks)),
        detectors=read(DEFAULTS / "detectors.yml", Detectors).over(_own(folder, "detectors.yml", Detectors)),
        checks=read(DEFAULTS / "checks.yml", Checks).over(_own(folder, "checks.yml", Checks)),
    )


def _with_templates(folder: Path, routes: Routes | None) -> Routes | None:
    """Return `routes` with the text of each file that their `templates` name."""
    if routes is None or not routes.templates:
        return routes
    sources: dict[str, str] = {}
    for pattern in routes.templates:
        paths = sorted(glob.glob(str(folder / pattern)))  # noqa: PTH207 - the pattern may be absolute.
        if not paths and not glob.has_magic(pattern):
            raise BadConfig(f"{folder / 'routes.yml'}: templates: there is no file {pattern}")
        for path in paths:
            sources[path] = text_of(Path(path))
    return routes.model_copy(update={"sources": tuple(sources.items())})


def _with_calendars(folder: Path, escalation: Escalation) -> Escalation:
    """Return `escalation` with the text of each file that its schedules name."""
    if not any(schedule.ical for schedule in escalation.schedules):
        return escalation
    schedules = []
    for schedule in escalation.schedules:
        name = None if schedule.calendar_url else schedule.ical
        if name and not (folder / name).exists():
            raise BadConfig(f"{folder / 'escalation.yml'}: schedule {schedule.name}: there is no file {name}")
        schedules.append(schedule.with_calendar(text_of(folder / name)) if name else schedule)
    return escalation.model_copy(update={"schedules": tuple(schedules)})


def save_rules(settings: Settings, name: str, text: str) -> Path:
    """Write the text of a rule file, which the caller has checked, to `rules/NAME.yml` of the
    operator's folder; an empty text removes it. Raises Conflict where the folder cannot be written.
    """
    path = settings.config_folder / "rules" / f"{name}.yml"
    try:
        if not text.strip():
            path.unlink(missing_ok=True)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, text, mode=0o644)
    except OSError as error:
        raise Conflict(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def place(settings: Settings, section: str, value: str) -> str | None:
    """Return file, line and key of where the operator's files say `value` in `section`; None where
    they do not.
    """
    folder = settings.config_folder
    files = [folder / f"{section}.yml", *(sorted((folder / "rules").glob("*.yml")) if section == "rules" else ())]
    return next((place for path in files if path.exists() and (place := find(path, value))), None)


def _own(folder: Path, name: str, model: type[S]) -> S | None:
    path = folder / name
    return read(path, model) if path.exists() else None
