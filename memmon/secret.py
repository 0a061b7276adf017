"""The secret that sessions, links and the record are signed with: MEMMON_SECRET, which a fleet shares, else one that this home
keeps."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from memmon.errors import BadConfig
from memmon.settings import Settings


def key(settings: Settings, purpose: str) -> bytes:
    """Return the key for one purpose: another one for each, so that what is signed for one is worth nothing for another."""
    given = settings.secret
    root = given.get_secret_value().encode() if given else kept(settings.run_dir / "secret.key")
    return hmac.new(root, purpose.encode(), hashlib.sha256).digest()


@cache
def kept(path: Path) -> bytes:
    """Return the secret at `path`; the first process makes it, and the others read it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.touch(mode=0o600, exist_ok=True)
        fresh.write_bytes(secrets.token_bytes(32))
        try:
            path.hardlink_to(fresh)  # Fails where it is there: nobody ever sees half a key.
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return path.read_bytes()
    except OSError as error:
        raise BadConfig(f"MEMMON_HOME: the secret cannot be kept at {path}: {error}") from None
