"""targets.yml: targets, and how their components are controlled."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, model_validator

from memmon.config.model import LabelMap, Seconds, Section
from memmon.settings import Settings

Tier = Literal["critical", "standard", "detailed"]
KUBERNETES = ("deployment", "statefulset", "daemonset")


class Component(Section):
    """A part of a target that can be restarted or scaled, and through what. `unit` is by control:

    supervisor: a program of memmon's own supervisor; systemd: a unit; docker: a container, or
    `service/NAME` of a swarm; kubernetes: `namespace/deployment/name` (or statefulset, daemonset);
    celery: a worker, `name` or `name@host`; http: a URL that is POSTed to; client: a part that the
    process itself has named to memmon.client.

    `api` is where Docker (http://host:port; its socket `socket` otherwise) or Kubernetes (inside a
    cluster its own) answers, `token_file` and `ca_file` are for Kubernetes. It is never made
    smaller than `least` or larger than `most`.
    """

    control: Literal["supervisor", "systemd", "docker", "kubernetes", "celery", "http", "client"]
    unit: str = Field(min_length=1)
    api: HttpUrl | None = None
    socket: Path = Path("/var/run/docker.sock")
    token_file: Path | None = None
    ca_file: Path | None = None
    least: int = Field(1, ge=0)
    most: int = Field(8, ge=1)

    @model_validator(mode="after")
    def _unit_fits(self) -> Component:
        segments = self.unit.split("/")
        if self.control == "kubernetes" and (len(segments) != 3 or segments[1] not in KUBERNETES or not all(segments)):
            raise ValueError(f"unit {self.unit} must be namespace/deployment/name (or statefulset, daemonset)")
        if self.control == "http" and not self.unit.startswith(("http://", "https://")):
            raise ValueError(f"unit {self.unit} must begin with http:// or https://")
        if self.most < self.least:
            raise ValueError("most must not be less than least")
        return self


class Client(Section):
    """The control endpoint of `memmon.client` in a target's process."""

    url: HttpUrl
    token: str | None = None
    token_file: Path | None = None


class Target(Section):
    """One thing that is watched."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")
    kind: Literal["memmimic", "host", "memmon"] = "memmimic"
    job: str = "memmimic"
    instance: str = ""
    metrics: HttpUrl | None = None
    database: Path | None = None
    tier: Tier = "critical"
    timeout: Seconds = Field(5.0, gt=0, le=60)
    labels: LabelMap = {}
    depends_on: tuple[str, ...] = ()
    components: dict[str, Component] = {}
    client: Client | None = None

    @model_validator(mode="after")
    def _something_to_watch(self) -> Target:
        if self.kind == "memmimic" and not (self.metrics or self.database):
            raise ValueError(f"target {self.name} has neither metrics nor database")
        return self

    @property
    def identity(self) -> str:
        """The label `instance`: as given, else the page's host and port, else the name."""
        if self.instance:
            return self.instance
        if self.metrics and self.metrics.host:
            return f"{self.metrics.host}:{self.metrics.port}"
        return self.name

    @property
    def own_labels(self) -> dict[str, str]:
        """The labels that every sample of this target carries."""
        return {**self.labels, "job": self.job, "instance": self.identity}


class Targets(Section):
    """Every target, by name."""

    targets: tuple[Target, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Targets:
        names = [target.name for target in self.targets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two targets are called {name}")
        return self

    def check(self) -> Targets:
        """Return these targets; raise ValueError for an unknown or circular dependency."""
        by_name = {target.name: target for target in self.targets}
        for target in self.targets:
            for name in target.depends_on:
                if name not in by_name:
                    raise ValueError(f"target {target.name} depends on {name}, which is no target")
            if target.name in _all_below(target.depends_on, by_name):
                raise ValueError(f"target {target.name} depends on itself")
        return self

    def upstream(self, name: str) -> list[str]:
        """Return what a target depends on, and what that depends on, the nearest first."""
        by_name = {target.name: target for target in self.targets}
        return (
            [dependency for dependency in _all_below(by_name[name].depends_on, by_name) if dependency in by_name]
            if name in by_name
            else []
        )

    def get(self, name: str) -> Target | None:
        """Return the target called `name`."""
        return next((target for target in self.targets if target.name == name), None)


def _all_below(names: tuple[str, ...], by_name: dict[str, Target]) -> list[str]:
    names_below: list[str] = []
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in names_below and name in by_name:
            names_below.append(name)
            waiting += by_name[name].depends_on
    return names_below


def built_in(settings: Settings) -> Targets:
    """Return the targets that need no file: this host, memmon itself, MemMimic's database and the
    demo.
    """
    targets = [
        Target(name="host", kind="host", job="host", instance=settings.instance),
        Target(name="memmon", kind="memmon", job="memmon", instance=settings.instance, components=_workers()),
    ]
    if settings.db_path or settings.client_url:
        targets.append(_memmimic(settings))
    if settings.demo_url:
        targets.append(_demo(settings, settings.demo_url.rstrip("/")))
    return Targets(targets=tuple(targets))


def _workers() -> dict[str, Component]:
    """The pools of processes of memmon's own fleet, as `memmon up` names them."""
    return {name: Component(control="celery", unit=name) for name in ("checks", "respond")}


def _memmimic(settings: Settings) -> Target:
    """Return MemMimic as the environment names it: its database, the page of memmon.client in its
    process, or both.
    """
    if settings.client_url is None:
        return Target(name="memmimic", instance=settings.instance, database=settings.db_path)
    url = settings.client_url.rstrip("/")
    return Target(
        name="memmimic",
        instance=settings.instance,
        metrics=HttpUrl(f"{url}/metrics"),
        database=settings.db_path,
        client=Client(url=HttpUrl(f"{url}/-/memmon"), token=_token(settings)),
    )


def _token(settings: Settings) -> str | None:
    return settings.client_token.get_secret_value() if settings.client_token else None


def _demo(settings: Settings, url: str) -> Target:
    return Target(
        name="demo",
        instance=url.split("://", 1)[1],
        metrics=HttpUrl(f"{url}/metrics"),
        database=settings.demo_database,
        components={
            "api": Component(control="supervisor", unit="demo"),
            "connections": Component(control="client", unit="connections", most=32),
        },
        client=Client(url=HttpUrl(f"{url}/-/memmon"), token=_token(settings)),
    )
