"""The demo's settings from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from memmon.errors import BadConfig


class Environment(NamedTuple):
    """Where to listen, where the database is, and what to tell memmon where; without `report_url`
    nothing is reported.
    """

    host: str
    port: int
    database: Path
    client_token: str
    ingest_key: str | None
    report_url: str | None


def load(environ: Mapping[str, str]) -> Environment:
    """Return it; raise BadConfig naming the first variable that is missing or wrong."""
    url = urlsplit(_needed(environ, "MEMMON_DEMO_URL", "the address to listen on, like http://127.0.0.1:8081"))
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme != "http" or not url.hostname or not port:
        raise BadConfig("MEMMON_DEMO_URL: must be like http://127.0.0.1:8081")
    database = Path(_needed(environ, "MEMMON_DEMO_DATABASE", "the path of the SQLite file")).absolute()
    token = _secret(environ, "MEMMON_CLIENT_TOKEN")
    if not token:
        raise BadConfig("MEMMON_CLIENT_TOKEN_FILE: is not set; it is the file with the token of the control endpoint")
    key = _secret(environ, "MEMMON_INGEST_KEY")
    return Environment(url.hostname, port, database, token, key, environ.get("MEMMON_REPORT_URL") or None)


def _needed(environ: Mapping[str, str], name: str, about: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise BadConfig(f"{name}: is not set; it is {about}")
    return value


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """Return what NAME holds, or the file that NAME_FILE names; None when neither is set."""
    if environ.get(name):
        return environ[name]
    path = environ.get(f"{name}_FILE")
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{name}_FILE: {path} cannot be read: {error}") from None
    if not text:
        raise BadConfig(f"{name}_FILE: {path} is empty")
    return text
