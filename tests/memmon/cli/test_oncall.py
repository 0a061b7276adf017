import json

import pytest

from memmon.context import Context
from tests.memmon.cli.conftest import Run
from tests.memmon.oncall.test_service import ESCALATION, ROUTES


@pytest.fixture
def configured(sqlite_ctx: Context) -> None:
    folder = sqlite_ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "routes.yml").write_text(ROUTES)
    (folder / "escalation.yml").write_text(ESCALATION % "nights")


def test_without_a_schedule_it_is_said_where_to_make_one(run: Run) -> None:
    assert "no schedule is configured" in run("oncall", "who").output


@pytest.mark.usefixtures("configured")
def test_who_is_on_call_and_the_shifts_that_come(run: Run) -> None:
    assert "primary" in run("oncall", "who").output
    assert json.loads(run("oncall", "who", "--json").output)[0]["now"]["contact"] in ("ann", "bob")
    assert "Europe/Berlin" in run("oncall", "schedule", "--days", "3").output
    assert run("oncall", "schedule", "primary", "--ical").output.startswith("BEGIN:VCALENDAR")
    assert run("oncall", "schedule", "nothing").exit_code == 1


@pytest.mark.usefixtures("configured")
def test_what_is_wrong_with_a_calendar_is_said_but_not_its_address(run: Run, sqlite_ctx: Context) -> None:
    path = sqlite_ctx.settings.config_folder / "escalation.yml"
    url = "https://calendar.example.org/secret/basic.ics"
    path.write_text((ESCALATION % "nights").replace("    rotations", f"    ical: {url}\n    rotations"))
    output = "calendar of primary: it was not fetched yet; the rotations hold\n"
    assert output in run("oncall", "who").output
    assert output in run("oncall", "schedule").output
    assert "ical: https://calendar.example.org/<secret>" in run("config", "show", "escalation").output


@pytest.mark.usefixtures("configured")
def test_an_override_is_made_and_withdrawn(run: Run) -> None:
    done = run("oncall", "override", "bob", "--for", "2h", "--by", "ann")
    assert (done.exit_code, "bob is on call in primary" in done.output) == (0, True), done.output
    assert json.loads(run("oncall", "who", "--json").output)[0]["now"] | {"start": 0, "end": 0, "phone": "", "receivers": []} == {
        "contact": "bob", "why": "override", "start": 0, "end": 0, "phone": "", "receivers": []
    }  # fmt: skip
    assert run("oncall", "override", "--withdraw", "1").output == "override 1 is withdrawn\n"
    assert run("oncall", "override", "bob").exit_code == 2
    assert "is no contact" in run("oncall", "override", "eve", "--for", "1h").output
