"""The secret that sessions, links and the record are signed with: MEMMON_SECRET, which a fleet
shares, else one that this home keeps.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from memmon.errors import BadConfig
from memmon.settings import Settings


def key(settings: Settings, purpose: str) -> bytes:
    """Return the key of one purpose. Keys differ by purpose, so that a signature is valid for one
    purpose only.
    """
    secret = settings.secret
    root = secret.get_secret_value().encode() if secret else load_or_create(settings.run_dir / "secret.key")
    return hmac.new(root, purpose.encode(), hashlib.sha256).digest()


@cache
def load_or_create(path: Path) -> bytes:
    """Return the secret at `path`. The first caller creates it; other threads and processes read
    it.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return path.read_bytes()
    except OSError as error:
        raise BadConfig(f"MEMMON_HOME: the secret cannot be kept at {path}: {error}") from None


def _make(path: Path) -> None:
    """Put a new secret at `path` unless one is there by then: as a whole, so that nobody ever reads
    half of one.
    """
    # Mode 0600.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as fresh:
        fresh.write(secrets.token_bytes(32))
        fresh.flush()
        with suppress(FileExistsError):
            path.hardlink_to(fresh.name)
