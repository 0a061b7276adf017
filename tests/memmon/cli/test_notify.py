from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.incidents import service as incidents
from tests.e2e.stack import Inbox
from tests.memmon.cli.conftest import Run
from tests.support import free_port


def routes(ctx: Context, url: str) -> None:
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "routes.yml").write_text(
        f"route: {{receiver: team}}\nreceivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]\n"
    )


def test_a_test_message_really_arrives(run: Run, sqlite_ctx: Context) -> None:
    inbox = Inbox()
    routes(sqlite_ctx, inbox.url)
    done = run("notify", "test", "team")
    inbox.close()
    assert done.exit_code == 0, done.output
    assert "sent" in done.output
    (message,) = inbox.received
    assert message["kind"] == "test"
    assert message["text"].startswith("[TEST] Test message from memmon")


def test_one_that_does_not_arrive_is_shown_with_the_reason(run: Run, sqlite_ctx: Context) -> None:
    routes(sqlite_ctx, f"http://127.0.0.1:{free_port()}/hook")
    done = run("notify", "test", "team")
    assert done.exit_code == 1
    assert "waiting" in done.output
    assert "Cannot connect" in done.output


def test_an_unknown_receiver_is_told_which_there_are(run: Run) -> None:
    done = run("notify", "test", "nobody")
    assert (done.exit_code, done.output) == (1, "memmon: no receiver nobody; there are default\n")


def test_a_fire_drill_goes_the_whole_way_is_marked_explained_and_over(run: Run, sqlite_ctx: Context) -> None:
    inbox = Inbox()
    routes(sqlite_ctx, inbox.url)
    text = sqlite_ctx.settings.config_folder / "routes.yml"
    text.write_text(text.read_text().replace("{receiver: team}", "{receiver: team, group_wait: 0s}"))
    done = run("notify", "test", "--alert", "alertname=disk_full,severity=critical,zone=a")
    inbox.close()
    assert done.exit_code == 0, done.output
    (message,) = inbox.received
    assert message["version"] == "4"
    assert message["alerts"][0]["labels"] == {
        "alertname": "disk_full",
        "severity": "critical",
        "zone": "a",
        "drill": "true",
    }
    assert "team was notified at" in done.output
    assert alerts.firing(sqlite_ctx) == []
    incidents.correlate(sqlite_ctx)
    assert incidents.listing(sqlite_ctx)["incidents"] == []


def test_a_drill_and_a_receiver_are_not_asked_for_at_once(run: Run) -> None:
    assert run("notify", "test").exit_code == 2
    assert run("notify", "test", "team", "--alert", "a=b").exit_code == 2
