"""The import contracts of pyproject.toml catch each kind of violation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

VIOLATIONS = {
    "a pure module imports tables": ("memmon/alerts/machine.py", "memmon.alerts.tables"),
    "a pure module imports its store": ("memmon/routing/dedup.py", "memmon.routing.store"),
    "a pure module reads the clock": ("memmon/routing/interval.py", "time"),
    "a pure module imports its service": ("memmon/metrics/snapshot.py", "memmon.metrics.service"),
    "a page imports a store": ("web/pages.py", "memmon.incidents.store"),
    "web imports sqlalchemy": ("web/overview.py", "sqlalchemy"),
    "workers import redis": ("workers/notify.py", "redis"),
    "a channel starts processes": ("memmon/notify/channels/slack.py", "subprocess"),
    "a room imports another room's store": ("memmon/incidents/stats.py", "memmon.notify.store"),
    "the client imports memmon": ("memmon/client/address.py", "memmon.labels"),
    "a lower room imports a higher one": ("memmon/metrics/performance.py", "memmon.alerts.rule"),
    "memmon imports celery": ("memmon/alerts/service.py", "celery"),
    "memmon imports workers": ("memmon/health/service.py", "workers.base"),
    "a second adapter of a library": ("memmon/notify/service.py", "smtplib"),
}
"""Each violation, and the import that is planted: (file, module)."""

UNLISTED = "memmon/unlisted/__init__.py"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of lint-imports on a copy with all violations planted."""
    copy = tmp_path_factory.mktemp("planted")
    for folder in ("memmon", "workers", "web"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for file, module in VIOLATIONS.values():
        path = copy / file
        path.write_text(path.read_text() + f"\nimport {module}  # planted\n")
    (copy / UNLISTED).parent.mkdir()
    (copy / UNLISTED).write_text("import memmon.cli\n")
    return lint(copy)


def lint(folder: Path) -> str:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_each_planted_import_is_caught(violation: str, report: str) -> None:
    file, module = VIOLATIONS[violation]
    importer = file.removesuffix(".py").replace("/", ".")
    imported = module if module.startswith(("memmon", "workers")) else module.partition(".")[0]
    assert f"{importer} -> {imported}" in report


def test_a_folder_that_no_contract_lists_is_caught(report: str) -> None:
    assert "memmon.unlisted" in report
