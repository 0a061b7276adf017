"""`memmon test`: linters, types, import contracts and all tests; `memmon lint` is the first
three.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
"""Public tables of Prometheus and Alertmanager, beside the clone."""

LINTERS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


@click.command()
def lint() -> None:
    """Check style, types and who imports whom."""
    sys.exit(_report(_lint()))


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--long", "is_long", is_flag=True, help="Run the long fault tests instead.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def test(is_long: bool, options: tuple[str, ...]) -> None:
    """Check everything and run all tests but the long ones; OPTIONS go to pytest, which then runs
    alone.
    """
    words = options or ("-n", "3", "-m", "long" if is_long else "not long")
    with ThreadPoolExecutor(1) as beside:
        linting = beside.submit(_lint) if not options and not is_long else None
        tests = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT)
        failed = _report(linting.result()) if linting else 0
    if not SHARED.exists():
        print("skipped: the tests that compare with the public tables in ../shared, see docs/testing.md")
    sys.exit(tests.returncode or failed)


def _lint() -> list[subprocess.CompletedProcess[str]]:
    """Run every linter; return how each went."""
    bin_dir = Path(sys.executable).parent
    return [
        subprocess.run([str(bin_dir / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True)
        for command in LINTERS
    ]


def _report(done: list[subprocess.CompletedProcess[str]]) -> int:
    """Show what linters complained about; return 0 when all are content."""
    for command, result in zip(LINTERS, done, strict=True):
        if result.returncode:
            print(result.stdout + result.stderr)
        print(f"{' '.join(command)}: {'failed' if result.returncode else 'ok'}", flush=True)
    return max(result.returncode for result in done)
