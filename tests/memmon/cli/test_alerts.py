import json

from memmon.context import Context
from memmon.routing import service as routing
from tests.memmon.cli.conftest import Run


def test_what_fires_is_listed_acknowledged_and_silenced(run: Run, attack: int, sqlite_ctx: Context) -> None:
    (alert,) = json.loads(run("alerts", "list", "--json").output)
    assert (alert["name"], alert["state"], alert["held"]) == ("brute_force_attack", "firing", [])
    assert "source_ip=203.0.113.9" in run("alerts", "list").output

    assert "acknowledged by ann" in run("alerts", "ack", str(alert["id"]), "--by", "ann", "--comment", "on it").output
    assert json.loads(run("alerts", "list", "--json").output)[0]["acknowledged_by"] == "ann"

    created = run(
        "alerts", "silence", "alertname=brute_force_attack", "--for", "30m", "--by", "ann", "--comment", "a test"
    )
    assert created.exit_code == 0
    (silence,) = routing.silences(sqlite_ctx)
    assert silence["id"] in created.output
    assert [entry["by"] for entry in json.loads(run("alerts", "list", "--json").output)[0]["held"]] == [silence["id"]]
    assert "silenced" in run("alerts", "list").output


def test_an_unknown_alert_and_a_wrong_matcher_are_said_in_one_line(run: Run) -> None:
    for words, expected in (
        (("ack", "77"), "memmon: no alert 77\n"),
        (("silence", "nonsense"), "memmon: matchers: 'nonsense' is not a matcher"),
        (("silence", "a=b", "--for", "soon"), "--for"),
    ):
        done = run("alerts", *words)
        assert done.exit_code == 1
        assert expected in done.output
        assert done.output.count("\n") == 1


def test_an_alert_is_acknowledged_for_a_while_and_explained(run: Run, attack: int) -> None:
    done = run("alerts", "ack", "1", "--for", "2h", "--by", "kim")
    assert "acknowledged by kim until " in done.output
    assert run("alerts", "unack", "1").output == "alert 1 brute_force_attack: no longer acknowledged\n"
    body = run("alerts", "explain", "1")
    assert body.output.splitlines()[1] == "It is in no group yet: the next tick places it."
    assert json.loads(run("alerts", "explain", "1", "--json").output)["alert"]["name"] == "brute_force_attack"
    assert run("alerts", "explain", "99").output == "memmon: no alert 99\n"
