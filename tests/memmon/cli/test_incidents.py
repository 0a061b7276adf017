import json
from pathlib import Path

import pytest
from sqlalchemy import text

from memmon.context import Context
from tests.memmon.cli.conftest import Run


def incident_json(run: Run, index: int) -> dict[str, object]:
    actual: dict[str, object] = json.loads(run("incidents", "show", str(index), "--json").output)
    return actual


def test_an_incident_is_listed_and_shown_with_its_timeline(run: Run, attack: int) -> None:
    assert "203.0.113.9" in run("incidents", "list", "--state", "open").output
    assert json.loads(run("incidents", "list", "--json").output)["total"] == 1
    done = run("incidents", "show", str(attack))
    assert done.exit_code == 0
    for expected in ("security_breach", "containment", "Escalation by chain security", "Timeline"):
        assert expected in done.output
    assert "# " in run("incidents", "postmortem", str(attack)).output


def test_people_steer_it(run: Run, attack: int) -> None:
    for verb, expected in (
        (("escalate",), "escalate by ann"),
        (("ack", "--comment", "on it"), "ack by ann"),
        (("note", "--comment", "looks like a scan"), "note by ann"),
        (("resolve", "--comment", "over"), f"incident {attack}: resolved"),
    ):
        done = run("incidents", verb[0], str(attack), "--by", "ann", *verb[1:])
        assert done.exit_code == 0, done.output
        assert expected in done.output
    actual = incident_json(run, attack)
    assert actual["state"] == "resolved"
    assert actual["acknowledged_by"] == "ann"
    assert "looks like a scan" in json.dumps(actual["timeline"])


@pytest.mark.parametrize("words", [("show", "99"), ("ack", "99"), ("approve", "99", "1"), ("postmortem", "99")])
def test_an_unknown_one_is_said_in_one_line(run: Run, words: tuple[str, ...]) -> None:
    done = run("incidents", *words)
    assert done.exit_code == 1
    assert done.output == "memmon: no incident 99\n"


def test_a_note_without_words_is_refused(run: Run, attack: int) -> None:
    done = run("incidents", "note", str(attack))
    assert done.exit_code == 2
    assert "--comment" in done.output


def test_it_is_snoozed_taken_over_split_and_merged(run: Run, attack: int, sqlite_ctx: Context) -> None:
    assert "nobody is paged until" in run("incidents", "snooze", str(attack), "--for", "30m", "--by", "ann").output
    assert "takeover by bob" in run("incidents", "takeover", str(attack), "--by", "bob").output
    assert incident_json(run, attack)["acknowledged_by"] == "bob"
    done = run("incidents", "split", str(attack), "99", "--by", "ann")
    assert (done.exit_code, "has no source 99" in done.output) == (1, True)
    run("playbook", "run", "high_memory_usage", "--label", "instance=a", "--dry-run")
    assert run("incidents", "merge", "2", str(attack)).output == f"incident 2 is part of incident {attack} now\n"


def test_the_timeline_and_how_they_went_are_shown(run: Run, attack: int) -> None:
    assert "opened by playbook security_breach" in run("incidents", "timeline", str(attack)).output
    assert json.loads(run("incidents", "timeline", str(attack), "--json").output)[0]["seq"] == 1
    assert "security_breach" in run("incidents", "stats").output


def test_the_postmortem_is_written_with_its_charts(run: Run, attack: int, tmp_path: Path) -> None:
    done = run("incidents", "postmortem", str(attack), "--out", str(tmp_path / "report"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "report" / f"INC-{attack}.md").read_text().startswith(f"# INC-{attack}")


def test_a_record_that_was_changed_ends_with_status_1(run: Run, attack: int, sqlite_ctx: Context) -> None:
    whole = run("incidents", "verify")
    assert (whole.exit_code, "no problems" in whole.output) == (0, True)
    with sqlite_ctx.write() as session:
        session.execute(text("UPDATE incident_entry SET text = 'nothing happened' WHERE seq = 1"))
    changed = run("incidents", "verify")
    assert (changed.exit_code, f"line 1 of incident {attack} was changed" in changed.output) == (1, True)
