"""The files that evidence is kept in: one folder an incident, below MEMMON_HOME."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from memmon import files
from memmon.context import Context
from memmon.incidents import store
from memmon.settings import Settings

log = logging.getLogger(__name__)

PREFIX = "incident-"


def folder(settings: Settings, incident_id: int) -> Path:
    """Return the folder of an incident."""
    return settings.home / "evidence" / f"{PREFIX}{incident_id}"


def write(settings: Settings, incident_id: int, name: str, text: str) -> Path:
    """Write a file of an incident, whole or not at all, that only memmon's user can read; return
    its path.
    """
    place = folder(settings, incident_id)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = place / name
    files.write(path, text)
    return path


def forget(ctx: Context) -> int:
    """Delete the evidence of incidents that are kept no more; return of how many."""
    folders = {
        int(path.name.removeprefix(PREFIX)): path
        for path in (ctx.settings.home / "evidence").glob(f"{PREFIX}*")
        if path.name.removeprefix(PREFIX).isdecimal()
    }
    if not folders:
        return 0
    with ctx.read() as session:
        gone = folders.keys() - store.existing(session, folders)
    for incident_id in gone:
        try:
            shutil.rmtree(folders[incident_id])
        except OSError as error:  # The next round tries it again.
            log.warning("the evidence of incident %d could not be deleted: %s", incident_id, error)
    return len(gone)
