"""One running stack for the scenarios of this process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Inbox, Stack

# The default rules, with `for` times that a test can wait for.
QUICK_RULES = """
groups:
  - name: quick
    rules:
      - alert: quick_database_slow
        expr: histogram_quantile(0.95, sum by (le, job, instance) (rate(memmimic_db_query_duration_seconds_bucket[10s]))) > 1
        for: 2s
        labels: {severity: error, component: api, category: performance}
        annotations: {summary: 'Queries of {{ $labels.instance }} take {{ $value }} s'}
      - alert: quick_target_down
        expr: up{job="memmimic"} == 0
        for: 1s
        labels: {severity: critical, component: api, category: availability}
        annotations: {summary: '{{ $labels.instance }} is down'}
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the stack says of itself beside a test of it that failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and stack:
        report.sections.append(("the stack", stack.account()))


@pytest.fixture(scope="session")
def inbox() -> Iterator[Inbox]:
    """A real webhook receiver."""
    box = Inbox()
    yield box
    box.close()


@pytest.fixture(scope="session")
def stack(inbox: Inbox) -> Iterator[Stack]:
    """A running stack with the demo; its log is shown when it cannot start."""
    with tempfile.TemporaryDirectory(prefix="mme2e") as folder:
        running = Stack(Path(folder), inbox, QUICK_RULES)
        try:
            running.start("--demo")
            yield running
        finally:
            running.stop()
