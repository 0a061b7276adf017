from pathlib import Path

from tests.memmon.alerts.test_rule_tests import TESTS, written
from tests.memmon.cli.conftest import Run


def test_rule_files_are_checked_and_the_mistake_is_found(run: Run, tmp_path: Path) -> None:
    good, bad = written(tmp_path).with_name("rules.yml"), tmp_path / "bad.yml"
    bad.write_text("groups:\n- name: g\n  rules:\n  - {alert: a, expr: 'sum('}\n")
    assert run("rules", "check", str(good)).output == f"{good}: 4 rules in 2 groups are right\n"
    done = run("rules", "check", str(good), str(bad))
    assert done.exit_code == 1
    assert f"{bad}:4: groups.0.rules.0.expr: rule a of group g: " in done.output


def test_unit_tests_are_run_and_fail_by_what_they_expect(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path)
    assert run("rules", "test", str(path)).output == f"{path}: SUCCESS\n"
    path.write_text(TESTS.replace("value: 2}", "value: 3}"))
    done = run("rules", "test", str(path))
    assert (done.exit_code, f"{path}: FAILED" in done.output) == (1, True)
    path.write_text("tests: [{colour: red}]")
    assert run("rules", "test", str(path)).exit_code == 2


def test_rules_are_tried_over_history_and_reported(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path).with_name("rules.yml")
    done = run("rules", "backtest", str(path), "--since", "1h")
    assert done.exit_code == 0, done.output
    assert "would have fired" in done.output
    body = run("rules", "report", "--since", "7d")
    assert "Never fired: " in body.output
    assert run("rules", "backtest", str(path), "--since", "90d").output.startswith("memmon: since: ")
