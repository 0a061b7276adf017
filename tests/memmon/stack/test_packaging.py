"""What an installed wheel holds, and that it stands beside a real memmimic."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('wheel'))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages, with memmon as its wheel installs it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in ("pyproject.toml", "README.md", "LICENSE", "celeryconfig.py"):
        shutil.copy(ROOT / name, source)
    for name in ("memmon", "workers", "web"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next((source / "wheel").glob("*.whl"))) as wheel:
        wheel.extractall(target)
    return target


def says(installed: Path, code: str) -> str:
    """Return what `code` prints where nothing of memmon is but what the wheel holds."""
    base = Path(sys.prefix) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{installed}:{base}"}
    done = subprocess.run(
        [sys.base_prefix + "/bin/python3", "-S", "-c", code], env=environ, cwd=installed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_runbooks_import_works_without_memmimic(installed: Path) -> None:
    received = says(installed, "from memmimic.monitoring import MonitoringServer as M; print(M.__module__)")
    assert received == "memmon.stack.server"
    assert not (installed / "memmimic" / "__init__.py").exists()


def test_it_stands_beside_a_real_memmimic(installed: Path) -> None:
    (installed / "memmimic" / "__init__.py").write_text("REAL = 'real'\n")
    (installed / "memmimic" / "api.py").write_text("def create_memmimic():\n    return 'api'\n")
    code = (
        "import memmimic, memmimic.monitoring, importlib.util\n"
        "from memmimic.api import create_memmimic\n"
        "print(memmimic.REAL, create_memmimic(), memmimic.monitoring.MonitoringServer.__name__)\n"
        "assert importlib.util.find_spec('memmimic.monitoring.monitoring_server')"
    )
    assert says(installed, code) == "real api MonitoringServer"


def test_the_wheel_brings_what_is_no_code(installed: Path) -> None:
    for name in (
        "deploy/logrotate/memmimic-monitoring",
        "deploy/systemd/memmimic-monitoring.service",
        "defaults/rules.yml",
    ):
        assert (installed / "memmon" / name).is_file()
    assert not (installed / "memmon" / "memmimic_monitoring").exists()
    assert (installed / "celeryconfig.py").is_file()
