import pytest
from flask.testing import FlaskClient

from memmon.context import Context
from tests.memmon.oncall.test_service import ESCALATION, ROUTES
from tests.web.conftest import Headers


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    folder = sqlite_ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "routes.yml").write_text(ROUTES)
    (folder / "escalation.yml").write_text(ESCALATION % "nights")
    sqlite_ctx.reload_config()
    return sqlite_ctx


def test_who_is_on_call_and_who_will_be(client: FlaskClient) -> None:
    [entry] = client.get("/api/oncall").get_json()["schedules"]
    assert (entry["schedule"], entry["now"]["contact"], entry["next"]["contact"]) == ("primary", "ann", "bob")
    assert len(client.get("/api/oncall/primary?days=3").get_json()["shifts"]) == 4
    assert client.get("/api/oncall/nothing").status_code == 404


def test_the_calendar_can_be_subscribed_to(client: FlaskClient) -> None:
    answer = client.get("/api/oncall/primary.ics")
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.text.startswith("BEGIN:VCALENDAR")


def test_somebody_is_on_call_instead(client: FlaskClient, operator: Headers) -> None:
    body = {"contact": "bob", "end": "2026-01-01T04:00:00Z"}
    created = client.post("/api/oncall/primary/overrides", json=body, headers=operator)
    assert (created.status_code, created.get_json()["by"]) == (201, "operator-of-tests")
    assert client.get("/api/oncall").get_json()["schedules"][0]["now"]["contact"] == "bob"
    index = created.get_json()["id"]
    assert client.delete(f"/api/oncall/overrides/{index}", headers=operator).status_code == 200
    assert client.delete(f"/api/oncall/overrides/{index}", headers=operator).status_code == 404
    wrong = client.post("/api/oncall/primary/overrides", json={**body, "end": "soon"}, headers=operator)
    assert (wrong.status_code, wrong.get_json()["field"]) == (400, "end")
