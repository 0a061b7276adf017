"""The secrets of one machine: made once, readable by their user only."""

from __future__ import annotations

import secrets
from pathlib import Path

from memmon import files


def ensure(path: Path, value: str | None = None) -> bool:
    """Store `value` at `path`; without one keep the stored secret or create one. Return True if it
    was created.
    """
    stored = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    if stored and value in (None, stored):
        path.chmod(0o600)
        return False
    files.write(path, f"{value or secrets.token_urlsafe(32)}\n")
    return value is None
