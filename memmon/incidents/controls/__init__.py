"""The ways to control a component: one file each, all of one form (see base.py)."""

from __future__ import annotations

from memmon.incidents.controls import celery, client, docker, http, kubernetes, supervisor, systemd
from memmon.incidents.controls.base import Control

CONTROLS: dict[str, Control] = {
    "celery": celery.CONTROL,
    "client": client.CONTROL,
    "docker": docker.CONTROL,
    "http": http.CONTROL,
    "kubernetes": kubernetes.CONTROL,
    "supervisor": supervisor.CONTROL,
    "systemd": systemd.CONTROL,
}
