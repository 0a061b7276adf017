from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from memmon.context import Context
from tests.conftest import Clock
from tests.web.conftest import Headers

WINDOW = {"name": "backup", "matchers": ['team="x"'], "kind": "cron", "cron": "0 2 * * *", "duration": "1h"}


def test_a_window_is_previewed_planned_shown_and_cancelled(client: FlaskClient, operator: Headers) -> None:
    schedule = {name: WINDOW[name] for name in ("kind", "cron", "duration")}
    following = client.post("/api/maintenance/preview", json=schedule, headers=operator).get_json()["next"]
    created = client.post("/api/maintenance", json={**WINDOW, "by": "dana"}, headers=operator)
    assert created.status_code == 201
    index = created.get_json()["id"]
    assert created.get_json()["next"][0] == following[0]
    assert client.get(f"/api/maintenance/{index}").get_json()["name"] == "backup"
    assert client.post(f"/api/maintenance/{index}/end", headers=operator).status_code == 409
    assert client.delete(f"/api/maintenance/{index}", headers=operator).get_json()["state"] == "cancelled"
    assert client.get("/api/maintenance").get_json() == {"maintenance": []}


def test_a_window_waits_for_its_approval_by_another(client: FlaskClient, operator: Headers) -> None:
    arguments = {**WINDOW, "kind": "once", "by": "dana", "needs_approval": True}
    index = client.post(
        "/api/maintenance", json={n: v for n, v in arguments.items() if n != "cron"}, headers=operator
    ).get_json()["id"]
    local = client.post(f"/api/maintenance/{index}/approve", json={"by": "dana"}, headers=operator)
    assert local.status_code == 409
    other = client.post(f"/api/maintenance/{index}/approve", json={"by": "kim"}, headers=operator)
    assert other.get_json()["state"] == "active"
    assert client.post(f"/api/maintenance/{index}/end", headers=operator).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"matchers": []}, "matchers"),
        ({"cron": "x"}, "cron"),
        ({"duration": "x"}, "duration"),
        ({"start": "soon"}, "start"),
        ({"needs_approval": "yes"}, "needs_approval"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(client: FlaskClient, operator: Headers, change: dict[str, object], field: str) -> None:
    answer = client.post("/api/maintenance", json={**WINDOW, **change}, headers=operator)
    assert answer.status_code == 400
    assert field in answer.get_json()["message"]


def test_who_may_only_read_plans_nothing(client: FlaskClient, ctx: Context, clock: Clock) -> None:
    assert client.post("/api/maintenance", json=WINDOW).status_code == 401
