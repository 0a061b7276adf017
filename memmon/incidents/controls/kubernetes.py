"""Workloads of Kubernetes, by its HTTP API. `unit` is `namespace/deployment/name` (or statefulset,
daemonset).

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/ (apps/v1; a restart
is what `kubectl rollout restart` does: an annotation of the pod template; scaling is the
subresource `scale`).
"""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

from memmon import encode, outbound
from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.controls.base import Control, ControlledComponent, checked

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its own token and the cluster's certificate."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
BY = "memmon/restarted-by"
STRATEGIC, MERGE = "application/strategic-merge-patch+json", "application/merge-patch+json"


def restart(ctx: Context, part: ControlledComponent) -> str:
    """Let the workload replace its pods; the annotation says which action did, so that a second one
    of the same changes nothing.
    """
    marks = {RESTARTED: encode.iso(ctx.now()), BY: part.key}
    workload = _call(part, "GET", "")
    if _annotations(workload).get(BY) == part.key:
        return f"{part.unit} was restarted by this action before"
    _call(part, "PATCH", "", {"spec": {"template": {"metadata": {"annotations": marks}}}}, STRATEGIC)
    return f"restarted {part.unit}"


def identity(ctx: Context, part: ControlledComponent) -> str | None:
    """Return when the pods were replaced on demand last, and by which action."""
    marks = _annotations(_call(part, "GET", ""))
    return f"{marks.get(RESTARTED, 'never')} {marks.get(BY, '')}".strip()


def size(ctx: Context, part: ControlledComponent) -> int:
    """Return the replicas that are wanted."""
    return int(_call(part, "GET", "/scale")["spec"].get("replicas", 0))


def resize(ctx: Context, part: ControlledComponent, to: int) -> str:
    """Want `to` replicas."""
    if "/daemonset/" in part.unit:
        raise Permanent(f"{part.unit} has a pod on each node and cannot be scaled")
    before = size(ctx, part)
    _call(part, "PATCH", "/scale", {"spec": {"replicas": to}}, MERGE)
    return f"scaled {part.unit}: {before} -> {to}"


def _annotations(workload: Any) -> dict[str, str]:
    return workload["spec"]["template"].get("metadata", {}).get("annotations") or {}


def _call(part: ControlledComponent, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    namespace, resource, name = part.unit.split("/")
    where = f"{_api(part)}/apis/apps/v1/namespaces/{quote(namespace)}/{resource}s/{quote(name)}{path}"
    headers = {"Accept": "application/json", **({"Content-Type": kind} if body is not None else {})}
    token = _token(part)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = outbound.request(
        method,
        where,
        json=body,
        headers=headers,
        timeout=part.seconds,
        allow_private=True,  # The operator's, or the cluster's own.
        tls=_tls(part),
    )
    checked(answer, f"kubernetes {method} {part.unit}{path}")
    return json.loads(answer.body)


def _api(part: ControlledComponent) -> str:
    if part.component.api:
        return str(part.component.api).rstrip("/")
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise Permanent(f"{part.name} of {part.target.name} has no `api`, and memmon is not inside a cluster")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _token(part: ControlledComponent) -> str:
    path = part.component.token_file or (None if part.component.api else ACCOUNT / "token")
    try:
        return path.read_text(encoding="utf-8").strip() if path else ""
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror}") from error


def _tls(part: ControlledComponent) -> ssl.SSLContext | None:
    path = part.component.ca_file or (None if part.component.api else ACCOUNT / "ca.crt")
    try:
        return ssl.create_default_context(cafile=str(path)) if path else None
    except OSError as error:
        raise Permanent(f"{path} is no certificate that can be read: {error.strerror or error}") from error


CONTROL = Control(restart, identity, size, resize)
