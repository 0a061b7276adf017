from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from memmon.context import Context
from tests.web.conftest import Headers


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    return sqlite_ctx


def test_playbooks_are_listed_with_what_keeps_actions_within_bounds(client: FlaskClient) -> None:
    response = client.get("/api/playbooks").get_json()
    assert "critical_system_failure" in [entry["name"] for entry in response["playbooks"]]
    assert "restart" in [entry["name"] for entry in response["limits"]]
    assert set(response["actions"]) >= {"restart", "scale", "isolate", "backup", "memory_dump", "run", "wait", "note"}
    whole = client.get("/api/playbooks/security_breach").get_json()
    assert next(stage["name"] for stage in whole["stages"]) == "containment"
    assert client.get("/api/playbooks/nothing").status_code == 404


def test_one_is_begun_by_hand_and_looked_back_on(
    client: FlaskClient, operator: Headers, sent: Callable[[], list[str]]
) -> None:
    body = {"labels": {"source_ip": "203.0.113.9"}, "dry_run": True, "by": "dana"}
    begun = client.post("/api/playbooks/security_breach/run", json=body, headers=operator)
    assert (begun.status_code, begun.get_json()["dry_run"]) == (201, True)
    assert "incidents.advance" in sent()
    assert client.post("/api/playbooks/security_breach/run", json=body, headers=operator).status_code == 409
    history = client.get("/api/playbooks/history?name=security_breach").get_json()["history"]
    assert [entry["id"] for entry in history] == [begun.get_json()["id"]]


@pytest.mark.parametrize(
    ("body", "field"), [({"labels": []}, "labels"), ({"labels": {"a": 1}}, "labels"), ({"dry_run": "x"}, "dry_run")]
)
def test_what_is_wrong_is_named(client: FlaskClient, operator: Headers, body: dict[str, object], field: str) -> None:
    answer = client.post("/api/playbooks/security_breach/run", json=body, headers=operator)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)


def test_only_an_operator_may_begin_one(client: FlaskClient, bearer: Callable[[str], Headers]) -> None:
    assert client.post("/api/playbooks/security_breach/run", json={}).status_code == 401
    assert client.post("/api/playbooks/security_breach/run", json={}, headers=bearer("viewer")).status_code == 403
