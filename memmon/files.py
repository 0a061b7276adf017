"""Files that are there whole or not at all, whoever reads them and whoever else writes them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Put `text` in the place of `path` at once, with `mode` from the beginning on; a link there is replaced, not followed. What
    UTF-8 cannot hold is written as `?`. Raises OSError, and leaves what was there."""
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
