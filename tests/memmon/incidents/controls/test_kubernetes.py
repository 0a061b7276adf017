"""Against a local server that speaks apps/v1 as kubectl's own calls show it (`kubectl rollout
restart`, `kubectl scale`, -v=8).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.controls import kubernetes
from memmon.incidents.controls.base import ControlledComponent
from tests.memmon.incidents.controls.conftest import Engine

WHERE = "/apis/apps/v1/namespaces/prod/deployments/memory"


class Cluster:
    """One deployment."""

    def __init__(self) -> None:
        self.annotations: dict[str, str] = {}
        self.replicas = 2
        self.patches: list[Any] = []

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path == WHERE:
            if method == "PATCH":
                self.patches.append(body)
                self.annotations |= body["spec"]["template"]["metadata"]["annotations"]
            return 200, {
                "spec": {"template": {"metadata": {"annotations": self.annotations} if self.annotations else {}}}
            }
        if path == f"{WHERE}/scale":
            self.replicas = body["spec"]["replicas"] if method == "PATCH" else self.replicas
            return 200, {"kind": "Scale", "spec": {"replicas": self.replicas}}
        return 404, {"kind": "Status", "reason": "NotFound", "message": 'deployments.apps "x" not found'}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def engine(engines: Callable[..., Engine], cluster: Cluster) -> Engine:
    return engines(cluster.answer)


@pytest.fixture
def memory(engine: Engine, part: Callable[..., ControlledComponent], tmp_path: Path) -> ControlledComponent:
    token = tmp_path / "token"
    token.write_text("service-account\n")
    return part(control="kubernetes", unit="prod/deployment/memory", api=engine.url, token_file=token)


def test_a_rollout_is_restarted_once_for_an_action(
    sqlite_ctx: Context, engine: Engine, cluster: Cluster, memory: ControlledComponent
) -> None:
    before = kubernetes.identity(sqlite_ctx, memory)
    assert kubernetes.restart(sqlite_ctx, memory) == "restarted prod/deployment/memory"
    assert kubernetes.identity(sqlite_ctx, memory) != before
    method, path, headers, body = engine.asked[2]
    assert (method, path) == ("PATCH", WHERE)
    assert headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert headers["Authorization"] == "Bearer service-account"
    assert "kubectl.kubernetes.io/restartedAt" in body["spec"]["template"]["metadata"]["annotations"]
    assert "before" in kubernetes.restart(sqlite_ctx, memory)
    assert len(cluster.patches) == 1
    kubernetes.restart(sqlite_ctx, memory._replace(key="8/act/0"))
    assert len(cluster.patches) == 2


def test_it_is_scaled_through_the_subresource(
    sqlite_ctx: Context, engine: Engine, cluster: Cluster, memory: ControlledComponent
) -> None:
    assert kubernetes.resize(sqlite_ctx, memory, 5) == "scaled prod/deployment/memory: 2 -> 5"
    assert (cluster.replicas, kubernetes.size(sqlite_ctx, memory)) == (5, 5)
    assert engine.asked[1][2]["Content-Type"] == "application/merge-patch+json"


def test_failures_say_what_the_cluster_said(
    sqlite_ctx: Context, engines: Callable[..., Engine], engine: Engine, part: Callable[..., ControlledComponent]
) -> None:
    with pytest.raises(Permanent, match="not found"):
        kubernetes.restart(sqlite_ctx, part(control="kubernetes", unit="prod/deployment/x", api=engine.url))
    conflict = engines(lambda *_: (409, {"reason": "Conflict"})).url
    with pytest.raises(Transient, match="409"):
        kubernetes.size(sqlite_ctx, part(control="kubernetes", unit="prod/statefulset/x", api=conflict))
    with pytest.raises(Permanent, match="a pod on each node"):
        kubernetes.resize(sqlite_ctx, part(control="kubernetes", unit="prod/daemonset/x", api=engine.url), 2)


def test_outside_a_cluster_an_address_is_needed(
    sqlite_ctx: Context, part: Callable[..., ControlledComponent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Permanent, match="not inside a cluster"):
        kubernetes.size(sqlite_ctx, part(control="kubernetes", unit="prod/deployment/x"))


@pytest.mark.parametrize("unit", ["memory", "prod/pod/x", "prod/deployment/", "a/b/c/d"])
def test_a_unit_that_is_none_is_refused_at_load(part: Callable[..., ControlledComponent], unit: str) -> None:
    with pytest.raises(ValueError, match="must be namespace/deployment/name"):
        part(control="kubernetes", unit=unit)
