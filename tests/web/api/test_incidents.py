from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from memmon.context import Context
from memmon.incidents import service
from tests.memmon.incidents.story import a_playbook, fire
from tests.web.conftest import Headers

PLAYBOOKS = a_playbook("{action: clear_cache, parameters: {target: host}, approval: true}")


@pytest.fixture
def incident(ctx: Context) -> int:
    """The id of an incident whose first action waits for approval."""
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "playbooks.yml").write_text(PLAYBOOKS)
    ctx.reload_config()
    fire(ctx)
    [job] = service.correlate(ctx)
    service.advance(ctx, *job.args)
    return int(job.args[0])


def post(client: FlaskClient, headers: Headers, path: str, **body: Any) -> Any:
    return client.post(f"/api/incidents/{path}", json=body, headers=headers)


def test_a_list_and_one_whole(client: FlaskClient, incident: int) -> None:
    response = client.get("/api/incidents?state=open&limit=5").get_json()
    assert (response["total"], response["next"]) == (1, None)
    assert response["incidents"][0]["title"] == "Trouble of a"
    whole = client.get(f"/api/incidents/{incident}").get_json()
    assert set(whole) >= {"stages", "actions", "timeline", "sources", "escalation", "mttr_target_minutes"}
    assert set(whole["escalation"]) >= {"chain", "level", "next_level_at", "acknowledged_by"}
    assert whole["actions"][0]["state"] == "approval"
    assert whole["stages"][0]["due_at"] == "2026-01-01T00:01:00.000Z"
    assert client.get("/api/incidents?state=resolved").get_json()["total"] == 0


def test_people_acknowledge_escalate_note_and_resolve(
    client: FlaskClient, operator: Headers, incident: int, sent: Callable[[], list[str]]
) -> None:
    noted = post(client, operator, f"{incident}/note", by="alice", comment="looking").get_json()
    assert noted["timeline"][-1] | {"at": None, "seq": None} == {
        "seq": None, "at": None, "kind": "note", "by": "alice", "text": "looking", "detail": {}
    }  # fmt: skip
    assert post(client, operator, f"{incident}/escalate").get_json()["escalation"]["level"] >= 1
    acknowledged = post(client, operator, f"{incident}/acknowledge").get_json()
    assert (acknowledged["state"], acknowledged["acknowledged_by"]) == ("acknowledged", "operator-of-tests")
    assert post(client, operator, f"{incident}/acknowledge").status_code == 409
    assert post(client, operator, f"{incident}/resolve", comment="gone").get_json()["state"] == "resolved"
    assert post(client, operator, f"{incident}/resolve").status_code == 409
    assert "notify.tick" in sent()


def test_an_action_is_approved_once(
    client: FlaskClient, operator: Headers, incident: int, sent: Callable[[], list[str]]
) -> None:
    assert post(client, operator, f"{incident}/actions/1/approve").get_json()["actions"][0]["state"] == "waiting"
    assert "incidents.act" in sent()
    assert post(client, operator, f"{incident}/actions/1/reject").status_code == 409
    assert post(client, operator, f"{incident}/actions/9/approve").status_code == 404


def test_an_action_is_rejected(client: FlaskClient, operator: Headers, incident: int) -> None:
    rejected = post(client, operator, f"{incident}/actions/1/reject", comment="not now").get_json()
    assert rejected["actions"][0]["state"] == "rejected"


def test_the_post_mortem_is_markdown(client: FlaskClient, incident: int) -> None:
    answer = client.get(f"/api/incidents/{incident}/postmortem")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer.text.startswith(f"# INC-{incident}: Trouble of a")


def test_a_note_without_words_and_an_incident_that_is_not_there(
    client: FlaskClient, operator: Headers, incident: int
) -> None:
    empty = post(client, operator, f"{incident}/note")
    assert (empty.status_code, empty.get_json()["field"]) == (400, "comment")
    for path in ("4711", "4711/postmortem"):
        assert client.get(f"/api/incidents/{path}").status_code == 404
    for verb in ("acknowledge", "resolve", "escalate", "actions/1/approve"):
        assert post(client, operator, f"4711/{verb}").status_code == 404


def test_people_snooze_and_take_over(client: FlaskClient, operator: Headers, incident: int) -> None:
    snoozed = post(client, operator, f"{incident}/snooze", **{"for": "30m"}).get_json()
    assert snoozed["acknowledged_until"] == "2026-01-01T00:30:00.000Z"
    assert post(client, operator, f"{incident}/snooze").get_json()["field"] == "for"
    taken = post(client, operator, f"{incident}/takeover", by="dana").get_json()
    assert taken["acknowledged_by"] == "dana"


def test_incidents_are_merged_and_split(client: FlaskClient, operator: Headers, incident: int, ctx: Context) -> None:
    fire(ctx, "b", "more")
    service.correlate(ctx)
    merged = post(client, operator, "2/merge", into=incident).get_json()
    assert [entry["name"] for entry in merged["sources"]] == ["trouble", "more"]
    split = post(client, operator, f"{incident}/split", sources=[merged["sources"][1]["id"]])
    assert split.get_json()["id"] == 3
    for path, body, field in (
        ("2/merge", {}, "into"),
        (f"{incident}/merge", {"into": True}, "into"),
        (f"{incident}/split", {"sources": "x"}, "sources"),
    ):
        answer = post(client, operator, path, **body)
        assert (answer.status_code, answer.get_json()["field"]) == (400, field)


def test_how_they_went_and_whether_the_record_is_whole(client: FlaskClient, incident: int) -> None:
    stats = client.get("/api/incidents/stats?days=7").get_json()
    assert (stats["incidents"], set(stats["times"])) == (1, {"detect", "acknowledge", "mitigate", "resolve"})
    assert client.get("/api/incidents/stats?days=0").get_json()["field"] == "days"
    record = client.get("/api/incidents/record").get_json()
    assert (record["problems"], record["lines"] > 3) == ([], True)


def test_a_chart_that_there_is_not_is_said(client: FlaskClient, incident: int) -> None:
    answer = client.get(f"/api/incidents/{incident}/charts/nothing.svg")
    assert (answer.status_code, "has no chart nothing" in answer.get_json()["message"]) == (404, True)


def test_whose_word_an_action_waits_for_is_the_name_of_the_token(
    client: FlaskClient, operator: Headers, ctx: Context
) -> None:
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "playbooks.yml").write_text(PLAYBOOKS.replace("approval: true", "approval: {who: [dana]}"))
    ctx.reload_config()
    fire(ctx)
    [job] = service.correlate(ctx)
    service.advance(ctx, *job.args)
    refused = post(client, operator, f"{job.args[0]}/actions/1/approve", by="dana")
    assert (refused.status_code, "waits for the word of dana" in refused.get_json()["message"]) == (422, True)
