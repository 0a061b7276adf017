"""routes.yml: an alertmanager.yml. What memmon cannot honour is an unknown key, and so an error at
load.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from memmon.config.intervals import TimeInterval
from memmon.config.model import LabelMap, Seconds, Section
from memmon.config.receivers import Global, Receiver

ENVIRONMENT = "environment"


def _texts(value: Any) -> Any:
    """YAML reads `1` and `true` as a number and a truth; as the value of a label they are the text
    that stands there.
    """
    if not isinstance(value, dict):
        return value
    plain = {True: "true", False: "false"}
    return {n: plain[v] if isinstance(v, bool) else str(v) if isinstance(v, int) else v for n, v in value.items()}


Texts = Annotated[LabelMap, BeforeValidator(_texts)]


class Route(Section):
    """One node of the routing tree; missing settings are inherited from its parent."""

    receiver: str | None = None
    matchers: tuple[str, ...] = ()
    match: Texts = {}
    match_re: Texts = {}
    labels: Texts = {}
    group_by: tuple[str, ...] | None = None
    group_wait: Seconds | None = Field(None, ge=0)
    group_interval: Seconds | None = Field(None, gt=0)
    repeat_interval: Seconds | None = Field(None, gt=0)
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    continue_: bool = Field(False, alias="continue")
    routes: tuple[Route, ...] = ()

    @field_validator("group_by")
    @classmethod
    def _each_label_once(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if not name:
                raise ValueError("group_by has an empty label name")
            if (value or ()).count(name) > 1:
                raise ValueError(f"group_by has {name!r} twice")
        return value


class InhibitRule(Section):
    """A firing source alert mutes targets that have the labels of `equal` in common with it."""

    name: str = ""
    source_matchers: tuple[str, ...] = ()
    source_match: Texts = {}
    source_match_re: Texts = {}
    target_matchers: tuple[str, ...] = ()
    target_match: Texts = {}
    target_match_re: Texts = {}
    equal: tuple[str, ...] = ()

    @property
    def source(self) -> Route:
        """What a source has, as a route says it."""
        return Route(matchers=self.source_matchers, match=self.source_match, match_re=self.source_match_re)

    @property
    def target(self) -> Route:
        """What a target has, as a route says it."""
        return Route(matchers=self.target_matchers, match=self.target_match, match_re=self.target_match_re)


class Routes(Section):
    """The whole file. Paths of `templates` may hold wildcards, and begin at the configuration's
    folder.
    """

    global_: Global = Field(Global(), alias="global")
    route: Route
    receivers: tuple[Receiver, ...] = ()
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: tuple[TimeInterval, ...] = ()
    mute_time_intervals: tuple[TimeInterval, ...] = ()
    templates: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = Field((), exclude=True)
    """Name and text of each file of `templates`; filled in when the file is read."""

    @property
    def intervals(self) -> dict[str, TimeInterval]:
        """The named intervals, of the old list and the new one."""
        return {interval.name: interval for interval in (*self.mute_time_intervals, *self.time_intervals)}

    @model_validator(mode="after")
    def _root_takes_everything(self) -> Routes:
        root = self.route
        if not root.receiver:
            raise ValueError("the root route needs a receiver")
        options = {
            "matchers": root.matchers,
            "match": root.match,
            "match_re": root.match_re,
            "continue": root.continue_,
        }
        options |= {
            "mute_time_intervals": root.mute_time_intervals,
            "active_time_intervals": root.active_time_intervals,
        }
        for name, value in options.items():
            if value:
                raise ValueError(f"the root route takes every alert, and has no {name}")
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Routes:
        names = [receiver.name for receiver in self.receivers]
        _once("receivers", names)
        _once("time intervals", [interval.name for interval in (*self.mute_time_intervals, *self.time_intervals)])
        if ENVIRONMENT in names:
            raise ValueError(f"{ENVIRONMENT} is the name of the receiver that MEMMIMIC_ALERT_EMAIL and _WEBHOOK make")
        for route in walk(self.route):
            if route.receiver and route.receiver not in names:
                raise ValueError(f"route names the receiver {route.receiver!r}, which is not defined")
            for name in (*route.mute_time_intervals, *route.active_time_intervals):
                if name not in self.intervals:
                    raise ValueError(f"route names the time interval {name!r}, which is not defined")
        return self

    @model_validator(mode="after")
    def _slack_has_an_address(self) -> Routes:
        if self.global_.slack_api_url or self.global_.slack_api_url_file:
            return self
        for receiver in self.receivers:
            if any(not (slack.api_url or slack.api_url_file) for slack in receiver.slack_configs):
                raise ValueError(
                    f"receiver {receiver.name}: slack_configs need api_url, here or as global slack_api_url"
                )
        return self


def _once(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"two {kind} are called {name!r}")
        seen.add(name)


def walk(route: Route) -> list[Route]:
    """Return a route and all below it, depth first."""
    return [route, *(deeper for child in route.routes for deeper in walk(child))]
