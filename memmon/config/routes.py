"""routes.yml: an alertmanager.yml. What memmon cannot honour is an unknown key, and so an error at load."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from memmon.config.model import LabelMap, Seconds, Section

ENVIRONMENT = "environment"
SMARTHOST = r"^.+:\d{1,5}$"


class Global(Section):
    """Defaults of all receivers."""

    resolve_timeout: Seconds = 300.0
    smtp_smarthost: str | None = Field(None, pattern=SMARTHOST)
    smtp_from: str | None = None
    smtp_auth_username: str | None = None
    smtp_auth_password: str | None = None
    smtp_auth_password_file: Path | None = None
    smtp_require_tls: bool = True


class EmailConfig(Section):
    """Mail to `to` (addresses split by commas); what is missing comes from `global`, then from the environment."""

    to: str
    sender: str | None = Field(None, alias="from")
    smarthost: str | None = Field(None, pattern=SMARTHOST)
    auth_username: str | None = None
    auth_password: str | None = None
    auth_password_file: Path | None = None
    require_tls: bool | None = None
    send_resolved: bool = False


class HttpAuthorization(Section):
    """An Authorization header."""

    type: str = "Bearer"
    credentials: str | None = None
    credentials_file: Path | None = None


class HttpConfig(Section):
    """How a webhook is called."""

    authorization: HttpAuthorization | None = None
    headers: dict[str, str] = {}


class WebhookConfig(Section):
    """A POST of JSON to `url`."""

    url: str | None = Field(None, pattern=r"^https?://[^\s/]+")
    url_file: Path | None = None
    http_config: HttpConfig = HttpConfig()
    max_alerts: int = Field(0, ge=0)
    send_resolved: bool = True
    timeout: Seconds = Field(10.0, ge=0)

    @model_validator(mode="after")
    def _one_address(self) -> WebhookConfig:
        if bool(self.url) == bool(self.url_file):
            raise ValueError("give exactly one of url and url_file")
        return self


class LogConfig(Section):
    """A line in memmon's log; not part of Alertmanager."""

    level: Literal["info", "warning", "error"] = "warning"
    send_resolved: bool = True


class Receiver(Section):
    """Where notifications go: every entry of every list is sent to."""

    name: str = Field(min_length=1)
    email_configs: tuple[EmailConfig, ...] = ()
    webhook_configs: tuple[WebhookConfig, ...] = ()
    log_configs: tuple[LogConfig, ...] = ()


class Route(Section):
    """One node of the routing tree; what it does not say it has from its parent."""

    receiver: str | None = None
    matchers: tuple[str, ...] = ()
    match: LabelMap = {}
    match_re: LabelMap = {}
    group_by: tuple[str, ...] | None = None
    group_wait: Seconds | None = None
    group_interval: Seconds | None = Field(None, gt=0)
    repeat_interval: Seconds | None = Field(None, gt=0)
    continue_: bool = Field(False, alias="continue")
    routes: tuple[Route, ...] = ()


class InhibitRule(Section):
    """A firing source alert mutes targets that have the labels of `equal` in common with it."""

    source_matchers: tuple[str, ...] = ()
    target_matchers: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()


class Routes(Section):
    """The whole file."""

    global_: Global = Field(Global(), alias="global")
    route: Route
    receivers: tuple[Receiver, ...] = ()
    inhibit_rules: tuple[InhibitRule, ...] = ()

    @model_validator(mode="after")
    def _receivers_exist(self) -> Routes:
        if not self.route.receiver:
            raise ValueError("the root route needs a receiver")
        names = {receiver.name for receiver in self.receivers}
        if len(names) < len(self.receivers):
            raise ValueError("two receivers have one name")
        if ENVIRONMENT in names:
            raise ValueError(f"{ENVIRONMENT} is the name of the receiver that MEMMIMIC_ALERT_EMAIL and _WEBHOOK make")
        for route in _walk(self.route):
            if route.receiver and route.receiver not in names:
                raise ValueError(f"route names the receiver {route.receiver!r}, which is not defined")
        return self


def _walk(route: Route) -> list[Route]:
    return [route, *(deeper for child in route.routes for deeper in _walk(child))]
