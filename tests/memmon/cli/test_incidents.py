import json

import pytest

from tests.memmon.cli.conftest import Run


def shown(run: Run, number: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(run("incidents", "show", str(number), "--json").output)
    return found


def test_an_incident_is_listed_and_shown_with_its_timeline(run: Run, attack: int) -> None:
    assert "203.0.113.9" in run("incidents", "list", "--state", "open").output
    assert json.loads(run("incidents", "list", "--json").output)["total"] == 1
    done = run("incidents", "show", str(attack))
    assert done.exit_code == 0
    for expected in ("security_breach", "containment", "Timeline"):
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
    found = shown(run, attack)
    assert found["state"] == "resolved"
    assert found["acknowledged_by"] == "ann"
    assert "looks like a scan" in json.dumps(found["timeline"])


@pytest.mark.parametrize("words", [("show", "99"), ("ack", "99"), ("approve", "99", "1"), ("postmortem", "99")])
def test_an_unknown_one_is_said_in_one_line(run: Run, words: tuple[str, ...]) -> None:
    done = run("incidents", *words)
    assert done.exit_code == 1
    assert done.output == "memmon: no incident 99\n"


def test_a_note_without_words_is_refused(run: Run, attack: int) -> None:
    done = run("incidents", "note", str(attack))
    assert done.exit_code == 2
    assert "--comment" in done.output
