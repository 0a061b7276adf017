"""Against a local server that speaks the Docker Engine API 1.43, as its reference and recorded
answers have it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.controls import docker
from memmon.incidents.controls.base import ControlledComponent
from tests.memmon.incidents.controls.conftest import Engine

SERVICE = {
    "ID": "9mnpnzenvg8p8tdbtq4wvbkcz",
    "Version": {"Index": 19},
    "Spec": {
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": {"Image": "memmimic:1"}, "ForceUpdate": 2},
        "Mode": {"Replicated": {"Replicas": 3}},
        "EndpointSpec": {"Mode": "vip"},
    },
}


class Daemon:
    """What a Docker daemon remembers."""

    def __init__(self) -> None:
        self.started = 0
        self.service: dict[str, Any] = copy.deepcopy(SERVICE)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        match method, path.split("?")[0].removeprefix("/v1.43/").split("/"):
            case "POST", ["containers", "web", "restart"]:
                self.started += 1
                return 204, None
            case "GET", ["containers", "web", "json"]:
                return 200, {
                    "State": {"Status": "running", "Pid": 4711, "StartedAt": f"2026-01-01T00:00:0{self.started}Z"}
                }
            case "GET", ["services", "web"]:
                return 200, self.service
            case "POST", ["services", "web", "update"]:
                if path.split("version=")[1] != str(self.service["Version"]["Index"]):
                    return 500, {"message": "rpc error: code = Unknown desc = update out of sequence"}
                self.service = {
                    **self.service,
                    "Spec": body,
                    "Version": {"Index": self.service["Version"]["Index"] + 1},
                }
                return 200, {"Warnings": None}
        return 404, {"message": "No such container: nobody"}


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def engine(engines: Callable[..., Engine], daemon: Daemon, short_dir: Path) -> Engine:
    return engines(daemon.answer, unix=short_dir / "docker.sock")


def test_a_container_is_restarted_through_the_socket_and_is_another_life(
    sqlite_ctx: Context, engine: Engine, daemon: Daemon, part: Callable[..., ControlledComponent], short_dir: Path
) -> None:
    web = part(control="docker", unit="web", socket=short_dir / "docker.sock")
    before = docker.identity(sqlite_ctx, web)
    assert docker.restart(sqlite_ctx, web) == "restarted container web"
    assert docker.identity(sqlite_ctx, web) != before
    assert engine.paths()[1] == "POST /v1.43/containers/web/restart?t=5"
    assert docker.pid(sqlite_ctx, web) == 4711
    with pytest.raises(Permanent, match="only a service"):
        docker.size(sqlite_ctx, web)


def test_a_service_is_scaled_and_keeps_the_rest_of_its_specification(
    sqlite_ctx: Context, engines: Callable[..., Engine], daemon: Daemon, part: Callable[..., ControlledComponent]
) -> None:
    web = part(control="docker", unit="service/web", api=engines(daemon.answer).url)
    assert docker.size(sqlite_ctx, web) == 3
    assert docker.resize(sqlite_ctx, web, 5) == "scaled service web: 3 -> 5"
    assert daemon.service["Spec"]["Mode"]["Replicated"]["Replicas"] == 5
    assert daemon.service["Spec"]["EndpointSpec"] == SERVICE["Spec"]["EndpointSpec"]  # type: ignore[index]
    before = docker.identity(sqlite_ctx, web)
    docker.restart(sqlite_ctx, web)
    assert (before, docker.identity(sqlite_ctx, web)) == ("2", "3")


def test_what_is_not_there_and_what_is_busy_are_told_apart(
    sqlite_ctx: Context,
    engines: Callable[..., Engine],
    daemon: Daemon,
    part: Callable[..., ControlledComponent],
    short_dir: Path,
) -> None:
    url = engines(daemon.answer).url
    with pytest.raises(Permanent, match="404.*No such container"):
        docker.restart(sqlite_ctx, part(control="docker", unit="nobody", api=url))
    busy = engines(lambda *_: (500, {"message": "update out of sequence"})).url
    with pytest.raises(Transient, match="out of sequence"):
        docker.size(sqlite_ctx, part(control="docker", unit="service/web", api=busy))
    with pytest.raises(Transient):
        docker.restart(sqlite_ctx, part(control="docker", unit="web", socket=short_dir / "nothing.sock"))
    glob = engines(lambda *_: (200, {"Spec": {"Mode": {"Global": {}}}, "Version": {"Index": 1}})).url
    with pytest.raises(Permanent, match="not a replicated service"):
        docker.size(sqlite_ctx, part(control="docker", unit="service/web", api=glob))
