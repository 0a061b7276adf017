"""`python3 -m memmon ...` from a bare clone: creates .venv from the hashed lock and runs memmon in
it.

Standard library only, since nothing is installed yet. Where memmon was installed by pip there is no
lock beside it, and this goes straight on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
TESTING = ("test", "lint", "bench")


def main() -> None:
    """Run the command line, inside the environment that it needs."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"memmon needs Python 3.11, 3.12 or 3.13; this is {version}. Try python3.12 -m memmon {' '.join(sys.argv[1:])}"
        )
    lock = ROOT / ("requirements-test.lock" if sys.argv[1:2] and sys.argv[1] in TESTING else "requirements.lock")
    if not lock.exists():
        from memmon.cli import main as cli  # Only there once it is installed.

        cli(prog_name="memmon")
        return
    folder = Path(os.environ.get("MEMMON_VENV") or ROOT / ".venv").absolute()
    python = folder / "bin" / "python"
    with _alone(folder):
        if not _is_ready(folder, lock):
            _make(folder, python, lock)
    environ = dict(
        os.environ, PATH=f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}", VIRTUAL_ENV=str(folder)
    )
    os.execve(python, [str(python), "-m", "memmon.cli", *sys.argv[1:]], environ)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one of two starters install, and the other wait."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        sys.exit(f"memmon: {error.filename} cannot be written; name another folder in MEMMON_VENV")


def _stamp(lock: Path) -> str:
    content = lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    return f"{lock.name} {hashlib.sha256(content).hexdigest()} {ROOT}"


def _is_ready(folder: Path, lock: Path) -> bool:
    """Tell whether the environment holds at least what `lock` names; the test lock holds all of the
    other.
    """
    stamp = folder / ".memmon"
    if not stamp.exists() or not (folder / "bin" / "python").exists():
        return False
    stamps = {_stamp(lock)}
    if lock.name == "requirements.lock":
        stamps.add(_stamp(ROOT / "requirements-test.lock"))
    return stamp.read_text() in stamps


def _make(folder: Path, python: Path, lock: Path) -> None:
    print(f"memmon: installing {lock.name} into {folder} ...", flush=True)
    if not python.exists():
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    # pip of the starting Python installs into the new one: some systems split ensurepip off.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)])
    _run([*pip, "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)])
    (folder / ".memmon").write_text(_stamp(lock))


def _run(command: list[str]) -> None:
    done = subprocess.run(command)
    if done.returncode:
        sys.exit(f"memmon: {' '.join(command)} failed with status {done.returncode}; see above")


if __name__ == "__main__":
    main()
