"""Atomic file writes: readers see the whole old or the whole new file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace `path` with `text` atomically, with `mode` from the start; a symbolic link is
    replaced, not followed. Unencodable characters are written as `?`. Raises OSError and keeps the
    old file.
    """
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # With mode 0600.
    draft = Path(name)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # It has gone to its place, unless something went wrong.
