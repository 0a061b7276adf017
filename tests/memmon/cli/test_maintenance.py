import json

from tests.memmon.cli.conftest import Run


def test_a_window_is_previewed_planned_approved_listed_ended_and_cancelled(run: Run) -> None:
    body = run("maintenance", "preview", "--cron", "0 2 * * *", "--for", "1h")
    assert len(body.output.splitlines()) == 10
    planned = run("maintenance", "plan", "backup", "team=x", "--for", "1h", "--needs-approval", "--by", "dana")
    assert planned.output.startswith("maintenance 1 awaiting approval, from ")
    assert run("maintenance", "approve", "1", "--by", "dana").exit_code == 1
    assert run("maintenance", "approve", "1", "--by", "kim").output == "maintenance 1: approved by kim\n"
    (entry,) = json.loads(run("maintenance", "list", "--json").output)
    assert (entry["state"], entry["approved_by"]) == ("active", "kim")
    assert "backup" in run("maintenance", "list").output
    assert run("maintenance", "end", "1").exit_code == 0
    run("maintenance", "plan", "weekly", "team=x", "--weekly", "monday,friday", "--time", "22:00", "--for", "2h")
    assert run("maintenance", "cancel", "2").output == "maintenance 2: cancelled\n"
    assert "weekly" not in run("maintenance", "list").output


def test_what_is_wrong_with_a_schedule_is_said(run: Run) -> None:
    assert run("maintenance", "preview", "--cron", "x", "--for", "1h").output.startswith("memmon: cron: ")
    assert run("maintenance", "preview", "--cron", "0 0 * * *", "--rrule", "FREQ=DAILY", "--for", "1h").exit_code == 2
    assert "start" in run("maintenance", "preview", "--at", "soon", "--for", "1h").output
