"""`memmon test`: linters, types, import contracts and all tests; `memmon lint` is the first three."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
LINTERS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


@click.command()
def lint() -> None:
    """Check style, types and who imports whom."""
    sys.exit(_lint())


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def test(options: tuple[str, ...]) -> None:
    """Check everything and run all tests; OPTIONS go to pytest."""
    failed = _lint() if not options else 0
    tests = subprocess.run([sys.executable, "-m", "pytest", *(options or ("-n", "3", "--dist", "loadgroup"))], cwd=ROOT)
    sys.exit(failed or tests.returncode)


def _lint() -> int:
    """Run every linter; return 0 when all are content."""
    bin_dir = Path(sys.executable).parent
    worst = 0
    for command in LINTERS:
        done = subprocess.run([str(bin_dir / command[0]), *command[1:]], cwd=ROOT)
        print(f"{command[0]} {'ok' if done.returncode == 0 else 'failed'}", flush=True)
        worst = worst or done.returncode
    return worst
