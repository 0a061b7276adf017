"""The page is what Prometheus takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memmon import client
from memmon.client import registry
from memmon.metrics import exposition
from tests.memmon.client.test_instrumentation import Api, run

ROOT = Path(__file__).parents[3]


def test_memmon_itself_can_read_it() -> None:
    api = Api()
    client.instrument(api)
    run(api)
    parsed = exposition.parse(client.page().decode())
    assert parsed.metadata["memmimic_searches_total"].kind == "counter"
    assert parsed.metadata["memmimic_search_duration_seconds"].kind == "histogram"
    assert not [name for name in parsed.metadata if name.endswith("_created")]


def test_the_client_brings_only_prometheus_client_into_the_hosts_process() -> None:
    code = "import sys; before = set(sys.modules); import memmon.client; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    tops = {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert tops == {"memmon", "prometheus_client"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_nothing_to_say_against_it() -> None:
    with client.query_timer():
        pass
    done = subprocess.run(["promtool", "check", "metrics"], input=client.page(), capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.mark.parametrize("limit", [1.0, 5.0])
def test_the_buckets_are_narrow_around_the_limits_of_the_rules(limit: float) -> None:
    index = registry.BUCKETS.index(limit)
    assert registry.BUCKETS[index - 1] >= limit * 0.75
    assert registry.BUCKETS[index + 1] <= limit * 1.25
