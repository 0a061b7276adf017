"""The secrets of one machine: made once, readable by their user only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def ensure(path: Path, value: str | None = None) -> bool:
    """Let `path` hold `value`, or, without one, what it holds already, else a new secret. Tell whether one was made."""
    held = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    if held and value in (None, held):
        path.chmod(0o600)
        return False
    write(path, f"{value or secrets.token_urlsafe(32)}\n")
    return value is None


def write(path: Path, text: str) -> None:
    """Put `text` in the place of `path` at once, with mode 0600 from the beginning."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
