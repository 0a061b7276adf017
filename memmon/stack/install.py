"""Puts memmon's files for logrotate and systemd where those look for them."""

from __future__ import annotations

import sys
from pathlib import Path

from memmon.errors import Refused

DEPLOY = Path(__file__).parent.parent / "deploy"
FILES = {
    "logrotate/memmimic-monitoring": "etc/logrotate.d/memmimic-monitoring",
    "systemd/memmimic-monitoring.service": "etc/systemd/system/memmimic-monitoring.service",
}


def install(prefix: Path) -> list[tuple[Path, str]]:
    """Write the files below `prefix`; return each with what became of it: new, changed or
    unchanged. Raises Refused without the rights for it.
    """
    done = []
    for source, place in FILES.items():
        path, text = prefix / place, (DEPLOY / source).read_text(encoding="utf-8").replace("@MEMMON@", command())
        before = _text(path)
        if before != text:
            _write(path, text)
        done.append((path, "new" if before is None else "unchanged" if before == text else "changed"))
    return done


def command() -> str:
    """Return the command line of this memmon, for a unit of systemd."""
    script = Path(sys.executable).with_name("memmon")
    return str(script) if script.exists() else f"{sys.executable} -m memmon.cli"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None  # Where it is there and must not be read, writing it says so.


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)  # logrotate takes no file that others can write.
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}; run this as root, or give --prefix") from None
