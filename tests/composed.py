"""docker-compose.yml as Compose reads it, and its services as processes of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
NEEDED = {
    "REDIS_PASSWORD": "redis-secret-of-tests",
    "POSTGRES_PASSWORD": "postgres-secret-of-tests",
    "FLOWER_PASSWORD": "flower-secret-of-tests",
    "MEMMON_API_TOKEN": "api-token-of-the-tests",
    "MEMMON_SECRET": "secret-of-the-tests",
    "MEMMON_INGEST_KEY": "ingest-key-of-the-tests",
    "MEMMON_CLIENT_TOKEN": "client-token-of-the-tests",
}

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:?[-?])(?P<rest>[^}]*))?\})")


class Missing(Exception):
    """A variable that the file demands is not set."""


def interpolate(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with its variables filled in: ${NAME}, ${NAME:-default}, ${NAME-default},
    ${NAME:?message}, $$.
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        arguments = environ.get(match["name"])
        if arguments or (arguments is not None and match["how"] in ("-", "?")):
            return arguments
        if match["how"] in (":-", "-"):
            return match["rest"]
        if match["how"]:
            raise Missing(match["name"])
        return ""

    return _VARIABLE.sub(value, text)


def read(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the file with its variables filled in."""
    return _filled(yaml.safe_load(FILE.read_text()), environ)  # type: ignore[no-any-return]


def _filled(part: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, environ) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, environ) for value in part]
    return interpolate(part, environ) if isinstance(part, str) else part
