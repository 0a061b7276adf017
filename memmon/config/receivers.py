"""routes.yml: `global` and `receivers`, in Alertmanager's words. Texts may be templates; a key that
is not here is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from memmon.config.model import LabelMap, Seconds, Section

SMARTHOST = r"^.+:\d{1,5}$"
URL = r"^https?://[^\s/]+"

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"


class TlsConfig(Section):
    """How the other side's certificate is checked, and with which own one memmon shows itself."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False

    @model_validator(mode="after")
    def _certificate_with_key(self) -> TlsConfig:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file are given together")
        return self


class HttpAuthorization(Section):
    """An Authorization header."""

    type: str = "Bearer"
    credentials: str | None = None
    credentials_file: Path | None = None


class BasicAuth(Section):
    """Name and password, as in RFC 7617."""

    username: str = ""
    username_file: Path | None = None
    password: str | None = None
    password_file: Path | None = None


class HttpHeader(Section):
    """The values of one header."""

    values: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


class HttpConfig(Section):
    """How a receiver is called. Redirects are never followed, and HTTP is spoken in version 1.1."""

    authorization: HttpAuthorization | None = None
    basic_auth: BasicAuth | None = None
    bearer_token: str | None = None
    bearer_token_file: Path | None = None
    tls_config: TlsConfig | None = None
    proxy_url: str | None = Field(None, pattern=URL)
    follow_redirects: Literal[False] = False
    enable_http2: Literal[False] = False
    http_headers: dict[str, HttpHeader] = {}
    headers: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_way_to_say_who(self) -> HttpConfig:
        methods = (self.authorization, self.basic_auth, self.bearer_token, self.bearer_token_file)
        if sum(method is not None for method in methods) > 1:
            raise ValueError("give at most one of authorization, basic_auth, bearer_token and bearer_token_file")
        return self


class Global(Section):
    """Defaults of all receivers."""

    resolve_timeout: Seconds = 300.0
    http_config: HttpConfig | None = None
    smtp_smarthost: str | None = Field(None, pattern=SMARTHOST)
    smtp_from: str | None = None
    smtp_hello: str | None = None
    smtp_auth_username: str | None = None
    smtp_auth_password: str | None = None
    smtp_auth_password_file: Path | None = None
    smtp_require_tls: bool = True
    smtp_force_implicit_tls: bool | None = None
    smtp_tls_config: TlsConfig | None = None
    slack_api_url: str | None = Field(None, pattern=URL)
    slack_api_url_file: Path | None = None
    pagerduty_url: str = Field(PAGERDUTY, pattern=URL)


class EmailConfig(Section):
    """E-mail to `to` (addresses separated by commas); missing settings come from `global`, then
    from the environment.
    """

    to: str
    sender: str | None = Field(None, alias="from")
    smarthost: str | None = Field(None, pattern=SMARTHOST)
    hello: str | None = None
    auth_username: str | None = None
    auth_password: str | None = None
    auth_password_file: Path | None = None
    require_tls: bool | None = None
    force_implicit_tls: bool | None = None
    tls_config: TlsConfig | None = None
    headers: dict[str, str] = {}
    html: str | None = None
    text: str | None = None
    send_resolved: bool = False


class WebhookConfig(Section):
    """A POST of JSON to `url`: Alertmanager's payload, or `payload`, a tree whose texts are
    templates.
    """

    url: str | None = Field(None, pattern=URL)
    url_file: Path | None = None
    http_config: HttpConfig | None = None
    max_alerts: int = Field(0, ge=0)
    payload: dict[str, Any] | None = None
    send_resolved: bool = True
    timeout: Seconds = Field(10.0, ge=0)

    @model_validator(mode="after")
    def _one_address(self) -> WebhookConfig:
        if bool(self.url) == bool(self.url_file):
            raise ValueError("give exactly one of url and url_file")
        return self


class SlackField(Section):
    """A field of an attachment."""

    title: str
    value: str
    short: bool | None = None


class SlackConfig(Section):
    """A message with one attachment to an incoming webhook of Slack."""

    api_url: str | None = Field(None, pattern=URL)
    api_url_file: Path | None = None
    http_config: HttpConfig | None = None
    channel: str = ""
    username: str = '{{ template "slack.default.username" . }}'
    icon_emoji: str = ""
    icon_url: str = ""
    color: str = '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}'
    title: str = '{{ template "slack.default.title" . }}'
    title_link: str = '{{ template "slack.default.titlelink" . }}'
    pretext: str = ""
    text: str = '{{ template "slack.default.text" . }}'
    fallback: str = '{{ template "slack.default.fallback" . }}'
    footer: str = ""
    fields: tuple[SlackField, ...] = ()
    short_fields: bool = False
    link_names: bool = False
    callback_id: str = ""
    image_url: str = ""
    thumb_url: str = ""
    mrkdwn_in: tuple[str, ...] = ("fallback", "pretext", "text")
    send_resolved: bool = False
    timeout: Seconds = Field(10.0, gt=0)

    @model_validator(mode="after")
    def _one_address(self) -> SlackConfig:
        if self.api_url and self.api_url_file:
            raise ValueError("give at most one of api_url and api_url_file")
        return self


class PagerDutyLink(Section):
    """A link that an event shows."""

    href: str
    text: str = ""


class PagerDutyImage(Section):
    """A picture that an event shows."""

    src: str
    alt: str = ""
    href: str = ""


class PagerDutyConfig(Section):
    """Events of PagerDuty's API v2: trigger while firing, acknowledge on an acknowledgement in
    memmon, resolve at the end.
    """

    routing_key: str | None = None
    routing_key_file: Path | None = None
    url: str | None = Field(None, pattern=URL)
    http_config: HttpConfig | None = None
    client: str = '{{ template "pagerduty.default.client" . }}'
    client_url: str = '{{ template "pagerduty.default.clientURL" . }}'
    description: str = '{{ template "pagerduty.default.description" . }}'
    severity: str = ""
    source: str = ""
    class_: str = Field("", alias="class")
    component: str = ""
    group: str = ""
    details: dict[str, str] = {}
    links: tuple[PagerDutyLink, ...] = ()
    images: tuple[PagerDutyImage, ...] = ()
    send_resolved: bool = True
    timeout: Seconds = Field(10.0, gt=0)

    @model_validator(mode="after")
    def _one_key(self) -> PagerDutyConfig:
        if bool(self.routing_key) == bool(self.routing_key_file):
            raise ValueError(
                "give exactly one of routing_key and routing_key_file; keys of API v1 (service_key) are not known"
            )
        return self


class TeamsConfig(Section):
    """An adaptive card to a workflow of Microsoft Teams."""

    webhook_url: str | None = Field(None, pattern=URL)
    webhook_url_file: Path | None = None
    http_config: HttpConfig | None = None
    title: str = '{{ template "msteamsv2.default.title" . }}'
    text: str = '{{ template "msteamsv2.default.text" . }}'
    send_resolved: bool = True
    timeout: Seconds = Field(10.0, gt=0)

    @model_validator(mode="after")
    def _one_address(self) -> TeamsConfig:
        if bool(self.webhook_url) == bool(self.webhook_url_file):
            raise ValueError("give exactly one of webhook_url and webhook_url_file")
        return self


class AppriseConfig(Section):
    """A message to one of the services that Apprise knows, by its URL; not part of Alertmanager."""

    url: str | None = None
    url_file: Path | None = None
    title: str = '{{ template "apprise.default.title" . }}'
    text: str = '{{ template "apprise.default.text" . }}'
    send_resolved: bool = True
    timeout: Seconds = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _one_address(self) -> AppriseConfig:
        if bool(self.url) == bool(self.url_file):
            raise ValueError("give exactly one of url and url_file")
        return self


class LogConfig(Section):
    """A line in memmon's log; not part of Alertmanager."""

    level: Literal["info", "warning", "error"] = "warning"
    send_resolved: bool = True


class RateLimit(Section):
    """Most messages to each channel of a receiver within `per`; further ones wait. Not part of
    Alertmanager.
    """

    messages: int = Field(ge=1)
    per: Seconds = Field(gt=0, le=86400)


class Receiver(Section):
    """Where notifications go: every entry of every list is sent to."""

    name: str = Field(min_length=1)
    labels: LabelMap = {}
    rate_limit: RateLimit | None = None
    email_configs: tuple[EmailConfig, ...] = ()
    webhook_configs: tuple[WebhookConfig, ...] = ()
    slack_configs: tuple[SlackConfig, ...] = ()
    pagerduty_configs: tuple[PagerDutyConfig, ...] = ()
    msteamsv2_configs: tuple[TeamsConfig, ...] = ()
    apprise_configs: tuple[AppriseConfig, ...] = ()
    log_configs: tuple[LogConfig, ...] = ()

    @model_validator(mode="after")
    def _name_is_its_label(self) -> Receiver:
        if self.labels.get("name", self.name) != self.name:
            raise ValueError(f"the label name of receiver {self.name} contradicts its name")
        return self
