"""The benchmark runs; its figures come from its full run, never from a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def run(tmp_path: Path, *words: str) -> tuple[dict[str, Any], str]:
    """Return the figures of a small run, and its output."""
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words, "--small", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text()), done.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "pieces"),
    [
        (
            "metrics",
            ("scrape + ingest", "bytes a sample", "rule over", "histogram_quantile", "query_range", "evaluator"),
        ),
        ("alerting", ("an evaluation of", "placing", "a flush tick", "GET /api/alerts", "send and record")),
        ("incidents", ("breach to first action", "attack to containment")),
    ],
)
def test_a_small_run_measures_every_part_and_writes_it_down(
    tmp_path: Path, command: str, pieces: tuple[str, ...]
) -> None:
    received, printed = run(tmp_path, command)
    assert received["machine"]["cores"]
    whats = " ".join(figure["label"] for figure in received["figures"])
    for part in pieces:
        assert part in whats
    assert all(figure["memmon"] > 0 for figure in received["figures"])
    assert printed.count("\n|") >= len(received["figures"])
