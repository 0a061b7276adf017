"""The environment, checked: MEMMIMIC_* as the runbook names them, MEMMON_* our own. Nothing else
reads it.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from memmon import validation_messages
from memmon.errors import BadConfig

SHARED_HOME = Path("/var/lib/memmimic")
SHARED_CONFIG = Path("/etc/memmimic")
SHARED_LOGS = Path("/var/log/memmimic")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
LOCK_FILE = Path("/tmp/memmimic-monitoring.lock")  # the runbook's name.


class Settings(BaseModel):
    """Every setting, by the environment variable that is its alias. Intervals are seconds."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    # The runbook's.
    dashboard_port: int = Field(
        8080,
        alias="MEMMIMIC_DASHBOARD_PORT",
        ge=0,
        le=65535,
        description="Port of the dashboard and the API; 0 takes any free port.",
    )
    dashboard_host: str = Field(
        "127.0.0.1", alias="MEMMIMIC_DASHBOARD_HOST", min_length=1, description="Address that the dashboard listens on."
    )
    health_check_interval: float = Field(
        30,
        alias="MEMMIMIC_HEALTH_CHECK_INTERVAL",
        ge=1,
        le=3600,
        description="Seconds between two rounds of health checks.",
    )
    alert_evaluation_interval: float = Field(
        30,
        alias="MEMMIMIC_ALERT_EVALUATION_INTERVAL",
        ge=1,
        le=3600,
        description="Longest time (s) between two rule evaluations; new samples trigger one earlier.",
    )
    metrics_collection_interval: float = Field(
        10,
        alias="MEMMIMIC_METRICS_COLLECTION_INTERVAL",
        ge=1,
        le=3600,
        description="Seconds between two collections of the critical tier.",
    )
    db_path: Path | None = Field(
        None, alias="MEMMIMIC_DB_PATH", description="MemMimic's SQLite database, opened read-only."
    )
    alert_email: str | None = Field(
        None,
        alias="MEMMIMIC_ALERT_EMAIL",
        pattern=validation_messages.EMAIL,
        description="E-mail address that receives all alerts.",
    )
    alert_webhook: str | None = Field(
        None,
        alias="MEMMIMIC_ALERT_WEBHOOK",
        pattern=validation_messages.URL,
        description="Webhook that receives all alerts; a hooks.slack.com URL gets Slack messages.",
    )

    # Settings that MemMimic's users have already.
    retention_hours: int = Field(
        720,
        alias="MEMMIMIC_RETENTION_HOURS",
        ge=1,
        le=87600,
        description="Hours for which alerts, incidents, messages and health results are kept.",
    )
    security_retention_hours: int = Field(
        2160,
        alias="MEMMIMIC_SECURITY_RETENTION_HOURS",
        ge=1,
        le=87600,
        description="Hours for which security events and the audit log are kept.",
    )
    smtp_server: str = Field(
        "localhost", alias="MEMMIMIC_SMTP_SERVER", min_length=1, description="SMTP server for e-mail."
    )
    smtp_port: int = Field(25, alias="MEMMIMIC_SMTP_PORT", ge=1, le=65535, description="Port of the SMTP server.")
    smtp_username: str | None = Field(
        None, alias="MEMMIMIC_SMTP_USERNAME", description="User name for SMTP authentication."
    )
    smtp_password: SecretStr | None = Field(
        None, alias="MEMMIMIC_SMTP_PASSWORD", description="Password for SMTP authentication."
    )
    email_from: str = Field(
        "memmon@localhost",
        alias="MEMMIMIC_EMAIL_FROM",
        pattern=validation_messages.EMAIL,
        description="Sender address of e-mail.",
    )
    email_to: str | None = Field(
        None,
        alias="MEMMIMIC_EMAIL_TO",
        pattern=validation_messages.EMAIL,
        description="A second e-mail address that receives all alerts.",
    )
    webhook_url: str | None = Field(
        None,
        alias="MEMMIMIC_WEBHOOK_URL",
        pattern=validation_messages.URL,
        description="A second webhook that receives all alerts.",
    )
    webhook_headers: str | None = Field(
        None, alias="MEMMIMIC_WEBHOOK_HEADERS", description="Headers of the webhooks, a JSON object of strings."
    )

    # memmon's own.
    home: Path = Field(
        default_factory=lambda: default_home({}),
        alias="MEMMON_HOME",
        description="Data directory. Default: /var/lib/memmimic if writable, else ~/.local/state/memmon.",
    )
    config_dir: Path | None = Field(
        None,
        alias="MEMMON_CONFIG",
        description="Folder of the YAML files. Default: /etc/memmimic for the shared home, else config in the data directory.",
    )
    log_file: Path | None = Field(
        None,
        alias="MEMMON_LOG_FILE",
        description="Log file. Default: monitoring.log in /var/log/memmimic or in the data directory.",
    )
    lock_file: Path = Field(
        LOCK_FILE,
        alias="MEMMON_LOCK_FILE",
        description="Lock file of the running stack; another one allows a second stack.",
    )
    redis_url: SecretStr | None = Field(
        None,
        alias="MEMMON_REDIS_URL",
        description="Redis of a fleet (redis://, rediss:// or unix://). Default: the embedded Valkey.",
    )
    database_url: SecretStr | None = Field(
        None,
        alias="MEMMON_DATABASE_URL",
        description="SQL database (sqlite:/// or postgresql://). Default: memmon.db in the data directory.",
    )
    valkey_bin: Path | None = Field(
        None, alias="MEMMON_VALKEY_BIN", description="Valkey or Redis binary instead of the embedded one."
    )
    api_token: SecretStr | None = Field(
        None,
        alias="MEMMON_API_TOKEN",
        min_length=16,
        description="The administrator's token. Default: created at the first start.",
    )
    ingest_key: SecretStr | None = Field(
        None,
        alias="MEMMON_INGEST_KEY",
        min_length=16,
        description="Key for pushed metrics and security events. Default: created at the first start.",
    )
    client_token: SecretStr | None = Field(
        None,
        alias="MEMMON_CLIENT_TOKEN",
        min_length=16,
        description="Token of the control endpoint of memmon.client. Default: created at the first start.",
    )
    secret: SecretStr | None = Field(
        None,
        alias="MEMMON_SECRET",
        min_length=16,
        description="Secret that signs sessions, links and the audit log; machines of a fleet share it.",
    )
    heartbeat_url: str | None = Field(
        None,
        alias="MEMMON_HEARTBEAT_URL",
        pattern=validation_messages.URL,
        description="URL that receives a POST after each clean audit.",
    )
    external_url: str | None = Field(
        None,
        alias="MEMMON_EXTERNAL_URL",
        pattern=validation_messages.URL,
        description="URL of the dashboard in messages. Default: the dashboard's address.",
    )
    instance: str = Field(
        default_factory=socket.gethostname,
        alias="MEMMON_INSTANCE",
        min_length=1,
        description="Name of this machine in metrics. Default: the host name.",
    )
    hot_window_minutes: int = Field(
        60,
        alias="MEMMON_HOT_WINDOW_MINUTES",
        ge=5,
        le=1440,
        description="Minutes of samples in Redis; older ones are rollups in SQL.",
    )
    standard_interval: float | None = Field(
        None,
        alias="MEMMON_STANDARD_INTERVAL",
        ge=1,
        le=3600,
        description="Seconds between two collections of the standard tier. Default: three times the critical tier.",
    )
    detailed_interval: float | None = Field(
        None,
        alias="MEMMON_DETAILED_INTERVAL",
        ge=1,
        le=3600,
        description="Seconds between two collections of the detailed tier. Default: six times the critical tier.",
    )
    demo_url: str | None = Field(
        None,
        alias="MEMMON_DEMO_URL",
        pattern=validation_messages.URL,
        description="URL of the demo; `memmon up` sets it.",
    )
    client_url: str | None = Field(
        None,
        alias="MEMMON_CLIENT_URL",
        pattern=validation_messages.URL,
        description="Control endpoint of MemMimic's client, for a MemMimic without an entry in targets.yml.",
    )
    demo_database: Path | None = Field(
        None, alias="MEMMON_DEMO_DATABASE", description="The demo's database; `memmon up` sets it."
    )
    log_level: str = Field(
        "INFO",
        alias="MEMMON_LOG_LEVEL",
        pattern=validation_messages.LEVEL,
        description="Level of the log: DEBUG, INFO, WARNING or ERROR.",
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must begin with sqlite:///, postgresql:// or postgres://")
        return value

    @field_validator("webhook_headers")
    @classmethod
    def _headers_are_an_object(cls, value: str | None) -> str | None:
        if value is not None:
            _headers(value)
        return value

    @property
    def webhook_header_map(self) -> dict[str, str]:
        """The headers of the environment's webhook."""
        return _headers(self.webhook_headers) if self.webhook_headers else {}

    @property
    def redis_address(self) -> str:
        """The URL of Redis: the operator's, else the embedded one's socket with its password."""
        if self.redis_url:
            return self.redis_url.get_secret_value()
        return f"unix://:{self.embedded_password}@{self.redis_socket}?db=0"

    @property
    def broker_address(self) -> str:
        """The same Redis in kombu's words, which call a unix socket `redis+socket`."""
        address = self.redis_address
        return "redis+socket://" + address.removeprefix("unix://") if address.startswith("unix://") else address

    @property
    def database_address(self) -> str:
        """The SQLAlchemy URL: the operator's (psycopg 3 for PostgreSQL), else SQLite in the data
        directory.
        """
        if not self.database_url:
            return f"sqlite:///{self.home / 'memmon.db'}"
        url = self.database_url.get_secret_value()
        for prefix in ("postgresql://", "postgres://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @property
    def embedded_redis(self) -> bool:
        """Whether memmon brings its own Valkey."""
        return self.redis_url is None

    @property
    def run_dir(self) -> Path:
        """Sockets, pid files and secrets of the running stack; readable by its user only."""
        return self.home / "run"

    @property
    def redis_socket(self) -> Path:
        return self.run_dir / "valkey.sock"

    @property
    def supervisor_socket(self) -> Path:
        return self.run_dir / "supervisor.sock"

    @property
    def embedded_password(self) -> str:
        """The password of the embedded Valkey, made by the stack at its first start."""
        path = self.run_dir / "valkey.password"
        return path.read_text().strip() if path.exists() else ""

    @property
    def config_folder(self) -> Path:
        """Where the operator's configuration files are."""
        if self.config_dir:
            return self.config_dir
        return SHARED_CONFIG if self.home == SHARED_HOME else self.home / "config"

    @property
    def log_path(self) -> Path:
        """The log file: the runbook's folder for the shared home, else inside the data
        directory.
        """
        if self.log_file:
            return self.log_file
        if self.home == SHARED_HOME and os.access(SHARED_LOGS, os.W_OK):
            return SHARED_LOGS / "monitoring.log"
        return self.home / "monitoring.log"

    @property
    def intervals(self) -> dict[str, float]:
        """Seconds between two collections, by tier: 10, 30 and 60 by default, 1:3:6 when the first
        is changed.
        """
        base = self.metrics_collection_interval
        return {
            "critical": base,
            "standard": self.standard_interval or base * 3,
            "detailed": self.detailed_interval or base * 6,
        }


def default_home(environ: Mapping[str, str]) -> Path:
    """Return /var/lib/memmimic where it can be written, else ~/.local/state/memmon."""
    if SHARED_HOME.is_dir() and os.access(SHARED_HOME, os.W_OK):
        return SHARED_HOME
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local/state")
    return Path(state) / "memmon"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of `environ`; raise BadConfig with every wrong setting and its allowed
    values.
    """
    environ = os.environ if environ is None else environ
    values = _given(environ)
    values.setdefault("MEMMON_HOME", str(default_home(environ)))
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise BadConfig("\n".join(_explain(problem) for problem in error.errors())) from None
    return settings


def _headers(text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(
        _HEADER.fullmatch(name) and isinstance(value, str) and value.isascii() and value.isprintable()
        for name, value in value.items()
    ):
        raise ValueError('must be a JSON object of header names and texts, like {"X-Team": "night"}')
    return value


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for field in Settings.model_fields.values():
        name = str(field.alias)
        if environ.get(name):
            values[name] = environ[name]
        elif environ.get(f"{name}_FILE"):
            values[name] = _content(f"{name}_FILE", environ[f"{name}_FILE"])
    return values


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{name}: {path} cannot be read: {error}") from None


def _explain(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    secret = any(word in name for word in ("TOKEN", "PASSWORD", "KEY", "SECRET", "_URL", "WEBHOOK", "HEADERS"))
    got = "" if secret else f" (got {problem['input']!r})"
    return f"{name}: {_allowed(name) or validation_messages.of(problem)}{got}"


def _allowed(name: str) -> str | None:
    """Return what the setting may be, where it is a number."""
    field = next((field for field in Settings.model_fields.values() if field.alias == name), None)
    return validation_messages.allowed(int if field.annotation is int else float, field.metadata) if field else None
