"""The benchmark runs; what it measures is told by its full run, never by a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_small_run_measures_every_part_and_writes_it_down(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", "metrics", "--small", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(file.read_text())
    assert told["machine"]["cores"]
    whats = " ".join(figure["what"] for figure in told["figures"])
    for part in ("scrape + ingest", "bytes a sample", "rule over", "histogram_quantile", "query_range", "evaluator"):
        assert part in whats
    assert all(figure["memmon"] > 0 for figure in told["figures"])
    assert run.stdout.count("\n|") >= len(told["figures"])
