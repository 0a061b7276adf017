"""Prometheus' own tests of the language, on both evaluators."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from memmon.cli.query import query
from memmon.promql import conformance

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "promqltest"
FILES = sorted(FOLDER.glob("*.test"))
EXPERIMENTS = ("duration_expression.test", "extended_vectors.test", "fill-modifier.test", "info.test", "limit.test")

pytestmark = pytest.mark.skipif(not FILES, reason=f"Prometheus' test scripts are not in {FOLDER}")


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "kernels"])
def test_every_evaluation_of_the_float_language_is_right_but_for_known_deviations(exact: bool) -> None:
    verdicts = [entry for file in FILES for entry in conformance.run(file, exact) if entry.category == "float"]
    missed = {
        (verdict.file, verdict.line): f"{verdict.expr}: {verdict.missed}" for verdict in verdicts if verdict.missed
    }
    assert len(verdicts) == 823
    assert {place: text for place, text in missed.items() if place not in conformance.DEVIATIONS} == {}
    # One that is right by now is a deviation no more.
    assert missed.keys() == conformance.DEVIATIONS.keys()


def test_what_needs_experimental_syntax_is_refused_and_never_answered_otherwise() -> None:
    verdicts = [entry for file in FILES if file.name in EXPERIMENTS for entry in conformance.run(file)]
    experiments = [verdict for verdict in verdicts if verdict.category == "experimental"]
    assert len(experiments) == 243
    assert [
        f"{experiment.file}:{experiment.line} {experiment.expr}"
        for experiment in experiments
        if experiment.missed and not experiment.refused
    ] == []


def test_the_command_prints_what_passed_by_file_and_category(tmp_path: Path) -> None:
    (tmp_path / "one.test").write_text(
        'load 1m\n  a{x="1"} 1+1x5\n\neval instant at 2m a\n  a{x="1"} 3\n\neval instant at 2m sum(a)\n  {} 4\n'
    )
    done = CliRunner().invoke(query, ["conformance", str(tmp_path)])
    assert done.exit_code == 1
    assert "one.test:7 sum(a)\n    {}: expected [4.0], found [3.0]" in done.output
    assert "one.test: passed 1 of 2\nfloat: passed 1 of 2\npassed 1 of 2" in done.output
