"""The commands of the runbook, from its own text, against a running stack."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from tests.e2e.stack import Stack
from tests.support import eventually

pytestmark = pytest.mark.e2e

RUNBOOK = Path(__file__).parents[3] / "shared/runbook.md"

# Commands that cannot run here unchanged, and their replacements.
NOT_RUN = {
    "tail -f /var/log/memmimic/monitoring.log": "never ends; the file is read by the grep lines",
    "logrotate /etc/logrotate.d/memmimic-monitoring": "needs the system's configuration; tests/memmon/stack tests the file",
    'pkill -f "memmimic.*monitoring"': "would end stacks of other tests; the pattern is tested below and in test_up",
    "rm -f /tmp/memmimic-monitoring.lock": "tests/memmon/stack/test_lock.py",
    "python -m memmimic.monitoring.monitoring_server": "test_up",
    "iptables -A INPUT -j DROP": "would cut the machine off",
    "iptables -A OUTPUT -j DROP": "would cut the machine off",
    "top -p $(pgrep -f memmimic)": "interactive; pgrep's pattern is tested below",
}


def commands() -> list[str]:
    if not RUNBOOK.exists():
        return []
    blocks = re.findall(r"```bash\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    results = [" ".join(line.split()) for line in lines]
    return [line for line in results if line and not line.startswith("#") and not re.match(r"[A-Z_]+=", line)]


def positive(text: str) -> bool:
    return float(text) > 0


def anything(text: str) -> bool:
    return text.strip() != ""


def a_moment(text: str) -> bool:
    return datetime.fromisoformat(json.loads(text)).tzinfo is not None


def listing(text: str) -> bool:
    return isinstance(json.loads(text), list)


EXPECTED: dict[str, Callable[[str], bool]] = {
    ".metrics.gauges.memmimic_memory_usage_percent": lambda text: 0 < float(text) <= 100,
    ".metrics.gauges.memmimic_cache_size_bytes": lambda text: float(text) >= 0,
    ".metrics.gauges.memmimic_db_connections_active": lambda text: float(text) >= 0,
    '.checks[] | select(.name=="database")': lambda text: json.loads(text)["status"] in ("healthy", "degraded"),
    ".recent_events[0:5]": listing,
    ".incidents": listing,
    ".timestamp": a_moment,
    ".alert_rules": lambda text: len(json.loads(text)) >= 8,
    ".active_alerts": listing,
    ".metrics.gauges | {cpu, memory, disk}": lambda text: all(v is not None for v in json.loads(text).values()),
    ".status": lambda text: json.loads(text) in ("healthy", "degraded", "unhealthy", "critical"),
    ".summary": lambda text: "active_alerts" in json.loads(text),
    ".metrics_summary": lambda text: json.loads(text)["series"] > 0,
    ".baselines": lambda text: isinstance(json.loads(text), dict),
}


@pytest.mark.skipif(not RUNBOOK.exists(), reason="the runbook's text is not here")
def test_the_runbook_has_commands_to_try() -> None:
    assert len(commands()) > 30


@pytest.mark.skipif(not shutil.which("jq") or not shutil.which("curl"), reason="needs curl and jq")
@pytest.mark.parametrize("command", [c for c in dict.fromkeys(commands()) if c.startswith("curl")])
def test_a_curl_line_answers_rightly(stack: Stack, command: str) -> None:
    jq = re.search(r"jq '(.*)'$", command)
    check = EXPECTED[jq.group(1)] if jq else anything

    def runs_well() -> bool:
        done = stack.shell(command)
        return done.returncode == 0 and done.stdout.strip() not in ("", "null") and check(done.stdout)

    eventually(runs_well, within=30, every=0.5)


@pytest.mark.parametrize(
    "command", [c for c in dict.fromkeys(commands()) if c.startswith(("ps", "df", "free", "netstat"))]
)
def test_a_look_at_the_machine_finds_memmon(stack: Stack, command: str) -> None:
    if not shutil.which(command.split()[0]):
        pytest.skip(f"{command.split()[0]} is not installed")
    done = stack.shell(command.replace("8080", str(stack.port)))
    assert done.returncode == 0
    assert done.stdout.strip()


def test_every_other_command_is_tested_elsewhere_and_said_where() -> None:
    remainder = [
        c
        for c in commands()
        if not c.startswith(("curl", "ps", "df", "free", "netstat", "grep", "tar", "/var", "/etc"))
    ]
    assert [c for c in remainder if c not in NOT_RUN] == []


def test_the_log_has_the_words_that_the_runbook_looks_for(stack: Stack) -> None:
    (stack.home / "config" / "targets.yml").write_text("targets: [{name: gone, metrics: 'http://127.0.0.1:1/metrics'}]")
    assert stack.run("config", "reload").returncode == 0
    eventually(
        lambda: stack.shell('grep "metrics collection" /var/log/memmimic/monitoring.log').returncode == 0, within=20
    )
    eventually(lambda: stack.shell('grep "threshold" /var/log/memmimic/monitoring.log').returncode == 0, within=30)
    (stack.home / "config" / "targets.yml").unlink()
    assert stack.run("config", "reload").returncode == 0


def test_the_patterns_of_the_runbook_find_memmon_and_not_the_demo(stack: Stack) -> None:
    assert stack.process is not None
    results = [stack.process.pid, *(child.pid for child in psutil.Process(stack.process.pid).children(recursive=True))]
    titles = [title(pid) for pid in results if title(pid)]
    demo = [line for line in titles if line.startswith("demo-memory-service")]
    assert demo
    for line in titles:
        matched = re.search("memmimic.*monitoring", line) is not None
        assert matched == (line not in demo), line


def title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except FileNotFoundError:
        return ""
