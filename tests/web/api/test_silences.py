from typing import Any

import pytest
from flask.testing import FlaskClient

from memmon.alerts import service as alerts
from memmon.context import Context
from tests.web.conftest import Headers


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """Rows of silences are tested with their room; this is about the door."""
    return sqlite_ctx


def create(client: FlaskClient, operator: Headers, **body: Any) -> Any:
    return client.post("/api/silences", json=body, headers=operator)


def test_a_silence_is_made_shown_and_ended(client: FlaskClient, operator: Headers) -> None:
    created = create(
        client, operator, matchers=['alertname="trouble"', "severity=~err.*"], duration="2h", comment="work"
    )
    assert created.status_code == 201
    silence = created.get_json()
    assert (silence["createdBy"], silence["comment"]) == ("operator-of-tests", "work")
    assert silence["endsAt"] == "2026-01-01T02:00:00.000Z"
    assert silence["matchers"][1] == {"name": "severity", "value": "err.*", "isRegex": True, "isEqual": True}
    assert client.get("/api/silences").get_json()["silences"] == [silence]
    ended = client.delete(f"/api/silences/{silence['id']}", headers=operator)
    assert ended.status_code == 200
    assert client.get("/api/silences").get_json()["silences"][0]["status"]["state"] == "expired"
    assert client.delete(f"/api/silences/{silence['id']}", headers=operator).status_code == 409


def test_exactly_one_alert_is_silenced_by_its_id(client: FlaskClient, ctx: Context, operator: Headers) -> None:
    for instance in ("a", "b"):
        alerts.raise_event(ctx, "trouble", "error", {"instance": instance}, {}, 3600)
    index = next(alert["id"] for alert in alerts.firing(ctx) if alert["labels"]["instance"] == "a")
    assert create(client, operator, alert=index, duration=600).status_code == 201
    states = {a["labels"]["instance"]: a["status"] for a in client.get("/api/alerts").get_json()["active_alerts"]}
    assert states == {"a": "suppressed", "b": "open"}


def test_matchers_may_be_alertmanagers_objects(client: FlaskClient, operator: Headers) -> None:
    arguments = [{"name": "a", "value": "b", "isEqual": False}, {"name": "c", "value": "d"}]
    get_json = create(client, operator, matchers=arguments, duration="1m").get_json()
    assert [(m["name"], m["isEqual"], m["isRegex"]) for m in get_json["matchers"]] == [
        ("a", False, False),
        ("c", True, False),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"duration": "1h"}, "matchers"),
        ({"matchers": [], "duration": "1h"}, "matchers"),
        ({"matchers": "a=b", "duration": "1h"}, "matchers"),
        ({"matchers": ["nonsense"], "duration": "1h"}, "matchers"),
        ({"matchers": ["a=~(("], "duration": "1h"}, "matchers"),
        ({"matchers": ["a=~.*"], "duration": "1h"}, "matchers"),
        ({"matchers": [{"name": "a"}], "duration": "1h"}, "matchers"),
        ({"matchers": ["a=b"]}, "duration"),
        ({"matchers": ["a=b"], "duration": "soon"}, "duration"),
        ({"matchers": ["a=b"], "duration": 0}, "duration"),
        ({"matchers": ["a=b"], "duration": -5}, "duration"),
        ({"matchers": ["a=b"], "duration": 1e300}, "duration"),
        ({"matchers": ["a=b"], "duration": True}, "duration"),
        ({"matchers": ["a=b"], "duration": "1h", "starts_at": "noon"}, "starts_at"),
        ({"matchers": ["a=b"], "duration": "1h", "starts_at": "9999-12-31T23:59:59Z"}, "starts_at"),
        ({"matchers": ["a=b"], "duration": "1h", "comment": 5}, "comment"),
        ({"alert": "x", "duration": "1h"}, "alert"),
        ({"alert": 1, "duration": "1h", "until": "x"}, "until"),
    ],
)
def test_a_wrong_silence_is_refused_with_the_field(
    client: FlaskClient, operator: Headers, body: dict[str, Any], field: str
) -> None:
    answer = create(client, operator, **body)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)


def test_an_alert_or_a_silence_that_is_not_there(client: FlaskClient, operator: Headers) -> None:
    assert create(client, operator, alert=4711, duration="1h").status_code == 404
    for name in ("4711", "6a2f8b0e-0000-4000-8000-000000000000", "%00"):
        assert client.delete(f"/api/silences/{name}", headers=operator).status_code == 404
