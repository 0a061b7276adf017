import json

from memmon.context import Context
from tests.memmon.cli.conftest import Run


def test_playbooks_are_listed_and_shown_with_their_steps(run: Run) -> None:
    listed = run("playbook", "list").output
    for name in ("security_breach", "critical_system_failure", "database_degradation"):
        assert name in listed
    output = run("playbook", "show", "critical_system_failure").output
    for words in ("emergency response", "| isolate", "rolled back after end", "on failure stop", "recovered:"):
        assert words in output
    assert json.loads(run("playbook", "show", "security_breach", "--json").output)["chain"] == "security"
    assert run("playbook", "show", "nothing").exit_code == 1


def test_the_defaults_give_no_reason_to_doubt(run: Run) -> None:
    done = run("playbook", "check")
    assert (done.exit_code, "doubt" in done.output) == (0, False)


def test_what_is_wrong_and_what_may_not_be_meant_are_told_apart(run: Run, sqlite_ctx: Context) -> None:
    folder = sqlite_ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    book = "{name: %s, title: t, severity: low, mttr_target: 1m, match: {alerts: [hot]}, stages: [{name: s, due: 1m, steps: [%s]}]}"
    step = "{action: run, parameters: {command: warm}, approval: {otherwise: approve}}"
    commands = "commands: [{name: warm, argv: [/bin/true]}]"
    (folder / "playbooks.yml").write_text(f"playbooks: [{book % ('a', step)}, {book % ('b', step)}]\n{commands}")
    done = run("playbook", "check")
    assert done.exit_code == 0
    assert "doubt: b: a stands before it" in done.output
    assert "run is done without anybody's word" in done.output
    (folder / "playbooks.yml").write_text(f"playbooks: [{book % ('a', '{action: sing}')}]")
    wrong = run("playbook", "check")
    assert wrong.exit_code == 2
    assert "playbooks.yml:1: playbooks.0.stages.0.steps.0.action: a: s: sing is not one of" in wrong.output


def test_one_is_run_by_hand_and_looked_back_on(run: Run) -> None:
    done = run("playbook", "run", "high_memory_usage", "--label", "instance=host-1", "--dry-run", "--by", "ann")
    assert (done.exit_code, done.output.startswith("incident 1 is open")) == (0, True), done.output
    assert "high_memory_usage (dry run)" in run("playbook", "history").output
    [entry] = json.loads(run("playbook", "history", "high_memory_usage", "--json").output)
    assert entry["dry_run"]
    assert run("playbook", "run", "high_memory_usage", "--label", "odd").output == (
        "memmon: --label: 'odd' must be like instance=demo:8081\n"
    )
