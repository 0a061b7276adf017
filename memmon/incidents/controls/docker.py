"""Containers and swarm services, by the Docker Engine API 1.43. `unit` is a container, or
`service/NAME`.

Source: https://docs.docker.com/reference/api/engine/ (ContainerRestart, ContainerInspect,
ServiceInspect, ServiceUpdate).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from memmon import outbound
from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.controls.base import Control, ControlledComponent, checked

VERSION = "v1.43"
STOPS_WITHIN = 5
"""Seconds that a container is given to stop before it is killed."""


def restart(ctx: Context, part: ControlledComponent) -> str:
    """Restart the container, or let the service replace its tasks one by one."""
    service = _service(part)
    if service is None:
        _call(part, "POST", f"containers/{quote(part.unit, safe='')}/restart?t={STOPS_WITHIN}")
        return f"restarted container {part.unit}"
    service_state = _call(part, "GET", f"services/{service}")
    spec = service_state["Spec"]
    template = spec.setdefault("TaskTemplate", {})
    template["ForceUpdate"] = int(template.get("ForceUpdate", 0)) + 1
    _call(part, "POST", f"services/{service}/update?version={service_state['Version']['Index']}", spec)
    return f"restarted the tasks of service {part.unit.removeprefix('service/')}"


def identity(ctx: Context, part: ControlledComponent) -> str | None:
    """Return when the container was started, or how often a service was made to replace its
    tasks.
    """
    service = _service(part)
    if service is None:
        return str(_call(part, "GET", f"containers/{quote(part.unit, safe='')}/json")["State"]["StartedAt"])
    return str(_call(part, "GET", f"services/{service}")["Spec"].get("TaskTemplate", {}).get("ForceUpdate", 0))


def size(ctx: Context, part: ControlledComponent) -> int:
    """Return the replicas of the service."""
    return int(_replicated(_call(part, "GET", f"services/{_needed(part)}")["Spec"], part)["Replicas"])


def resize(ctx: Context, part: ControlledComponent, to: int) -> str:
    """Let the service have `to` replicas."""
    service = _needed(part)
    service_state = _call(part, "GET", f"services/{service}")
    spec = service_state["Spec"]
    before = _replicated(spec, part)["Replicas"]
    spec["Mode"]["Replicated"]["Replicas"] = to
    _call(part, "POST", f"services/{service}/update?version={service_state['Version']['Index']}", spec)
    return f"scaled service {part.unit.removeprefix('service/')}: {before} -> {to}"


def pid(ctx: Context, part: ControlledComponent) -> int:
    """Return the pid of the container's first process, as this machine sees it."""
    process_id = int(_call(part, "GET", f"containers/{quote(part.unit, safe='')}/json")["State"].get("Pid", 0))
    if not process_id:
        raise Permanent(f"container {part.unit} does not run")
    return process_id


def _service(part: ControlledComponent) -> str | None:
    return quote(part.unit.removeprefix("service/"), safe="") if part.unit.startswith("service/") else None


def _needed(part: ControlledComponent) -> str:
    service_state = _service(part)
    if service_state is None:
        raise Permanent(f"container {part.unit} is one; only a service (service/NAME) can be scaled")
    return service_state


def _replicated(spec: dict[str, Any], part: ControlledComponent) -> dict[str, Any]:
    replicated: dict[str, Any] | None = spec.get("Mode", {}).get("Replicated")
    if replicated is None:
        raise Permanent(f"{part.unit} is not a replicated service")
    return replicated


def _call(part: ControlledComponent, method: str, path: str, body: Any = None) -> Any:
    api = part.component.api
    answer = outbound.request(
        method,
        f"{str(api).rstrip('/') if api else 'http://docker'}/{VERSION}/{path}",
        json=body,
        timeout=part.seconds,
        allow_private=True,  # The operator named it.
        unix=None if api else str(part.component.socket),
    )
    checked(answer, f"docker {method} {path.split('?')[0]}")
    return json.loads(answer.body) if answer.body.strip() else None


CONTROL = Control(restart, identity, size, resize, pid)
