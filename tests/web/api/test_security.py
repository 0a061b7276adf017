from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from memmon.context import Context
from memmon.incidents import service as incidents
from memmon.security import access, service
from tests.web.conftest import Headers
from web import create_app

ADDRESS = "203.0.113.9"
FAILURE = {"event_type": "auth_failure", "source_ip": ADDRESS, "user": "root", "endpoint": "/login"}
EVENTS = "/api/security/events"
RESTRICTIONS = "/api/security/restrictions"


def post(ctx: Context, path: str, body: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {access.create(ctx, 'someone', 'operator')}"}
    return create_app(ctx).test_client().post(path, json=body, headers=headers)


def test_an_event_is_kept_and_shown(client: FlaskClient, bearer: Callable[[str], Headers]) -> None:
    attack = "<script>alert(1)</script>"
    answer = client.post(EVENTS, json={**FAILURE, "message": attack}, headers=bearer("ingest"))
    assert answer.status_code == 201
    response = client.get("/api/security").get_json()
    assert set(response) >= {"summary", "recent_events", "incidents", "blocked"}
    [event] = response["recent_events"]
    assert event["id"] == answer.get_json()["ids"][0]
    assert (event["event_type"], event["source_ip"], event["user"]) == ("auth_failure", ADDRESS, "root")
    assert event["message"] == attack
    assert event["reporter"] == "ingest-of-tests"
    assert response["summary"]["events_24h"] == 1


def test_of_a_list_the_good_ones_are_kept_and_the_others_named(client: FlaskClient, operator: Headers) -> None:
    arguments = [FAILURE, {"event_type": "nonsense"}, {**FAILURE, "source_ip": "not an address"}, FAILURE]
    answer = client.post(EVENTS, json=arguments, headers=operator).get_json()
    assert len(answer["ids"]) == 2
    assert [(entry["index"], entry["field"]) for entry in answer["refused"]] == [(1, "event_type"), (2, "source_ip")]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "event_type"),
        ({"event_type": "nonsense"}, "event_type"),
        ({**FAILURE, "source_ip": "999.1.1.1"}, "source_ip"),
        ({**FAILURE, "params": {"q": 5}}, "params.q"),
        ({**FAILURE, "colour": "red"}, "colour"),
        ("text", "event"),
    ],
)
def test_one_wrong_event_is_refused_with_the_field(sqlite_ctx: Context, event: Any, field: str) -> None:
    answer = post(sqlite_ctx, EVENTS, event)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)


def test_an_attack_blocks_the_address_and_wakes_who_acts(
    client: FlaskClient, operator: Headers, sent: Callable[[], list[str]]
) -> None:
    for _ in range(5):
        client.post(EVENTS, json=FAILURE, headers=operator)
    response = client.get("/api/security").get_json()
    assert [entry["subject"] for entry in response["blocked"]] == [ADDRESS]
    assert response["recent_events"][0]["event_type"] == "brute_force_attack"
    assert {"security.enforce", "notify.tick", "incidents.correlate"} <= set(sent())


def test_an_incident_of_security_is_shown_and_resolved_there(
    client: FlaskClient, ctx: Context, operator: Headers, sent: Callable[[], list[str]]
) -> None:
    for _ in range(5):
        client.post(EVENTS, json=FAILURE, headers=operator)
    incidents.correlate(ctx)
    [incident] = client.get("/api/security").get_json()["incidents"]
    assert incident["labels"]["source_ip"] == ADDRESS
    path = f"/api/security/incidents/{incident['id']}/resolve"
    assert client.post(path, json={"by": "alice"}, headers=operator).get_json()["resolved_by"] == "alice"
    assert client.get("/api/security").get_json()["incidents"] == []
    assert client.post(path, headers=operator).status_code == 409
    assert client.post("/api/security/incidents/4711/resolve", headers=operator).status_code == 404


def test_an_operator_blocks_and_lifts(
    client: FlaskClient, operator: Headers, sent: Callable[[], list[str]], ctx: Context
) -> None:
    arguments = {"kind": "block", "subject": ADDRESS, "duration": "1h", "reason": "seen in the log"}
    created = client.post(RESTRICTIONS, json=arguments, headers=operator)
    assert created.status_code == 201
    index = created.get_json()["id"]
    assert (created.get_json()["created_by"], created.get_json()["until"]) == (
        "operator-of-tests",
        "2026-01-01T01:00:00.000Z",
    )
    assert client.get(RESTRICTIONS).get_json()["restrictions"][0]["id"] == index
    assert client.delete(f"{RESTRICTIONS}/{index}", headers=operator).get_json() == {"id": index, "lifted": True}
    assert service.restrictions(ctx) == []
    assert sent() == ["security.enforce", "security.enforce"]
    assert client.delete(f"{RESTRICTIONS}/4711", headers=operator).status_code == 404


def test_a_throttle_and_a_feature(client: FlaskClient, operator: Headers, ctx: Context) -> None:
    throttle = {"kind": "throttle", "subject": "*", "duration": 60, "parameters": {"endpoint": "/x", "per_minute": 5}}
    assert client.post(RESTRICTIONS, json=throttle, headers=operator).status_code == 201
    disable = {"kind": "disable", "subject": "classify", "duration": "5m"}
    assert client.post(RESTRICTIONS, json=disable, headers=operator).status_code == 201
    assert [restriction["kind"] for restriction in service.restrictions(ctx)] == ["throttle", "disable"]


BLOCK = {"kind": "block", "subject": ADDRESS, "duration": "1h"}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({**BLOCK, "subject": "127.0.0.1"}, 422, None),
        ({**BLOCK, "subject": "10.1.2.3"}, 422, None),
        ({**BLOCK, "subject": "everybody"}, 400, "subject"),
        ({**BLOCK, "kind": "explode"}, 400, "kind"),
        ({**BLOCK, "duration": "31d"}, 400, "duration"),
        ({**BLOCK, "duration": "0"}, 400, "duration"),
        ({**BLOCK, "target": "nothing"}, 400, "target"),
        ({**BLOCK, "parameters": {"per_minute": 5}}, 400, "parameters"),
        ({**BLOCK, "kind": "throttle", "parameters": {"per_minute": 0}}, 400, "parameters.per_minute"),
        ({**BLOCK, "kind": "throttle", "parameters": {"endpoint": 5}}, 400, "endpoint"),
        ({"kind": "block", "duration": "1h"}, 400, "subject"),
        ({"kind": "block", "subject": ADDRESS}, 400, "duration"),
    ],
)
def test_what_must_never_be_or_is_wrong(sqlite_ctx: Context, body: Any, status: int, field: str | None) -> None:
    answer = post(sqlite_ctx, RESTRICTIONS, body)
    assert (answer.status_code, answer.get_json().get("field")) == (status, field)
    assert service.restrictions(sqlite_ctx) == []
