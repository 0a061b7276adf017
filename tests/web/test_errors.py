import json
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from memmon.context import Context
from memmon.errors import Refused
from tests.web.conftest import Headers
from web import create_app, http


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """Failures look the same on both databases."""
    return sqlite_ctx


def failure(answer: object) -> tuple[int, str]:
    body = answer.get_json()  # type: ignore[attr-defined]
    assert set(body) <= {"error", "message", "field"}
    assert "Traceback" not in body["message"]
    return answer.status_code, body["error"]  # type: ignore[attr-defined]


def test_an_unknown_path_is_not_found(client: FlaskClient) -> None:
    assert failure(client.get("/api/nothing")) == (404, "not_found")
    assert failure(client.get("/api/incidents/abc")) == (404, "not_found")
    assert failure(client.get("/api/incidents/99999999999999999999999")) == (404, "not_found")


def test_a_wrong_method_is_not_allowed(client: FlaskClient, operator: Headers) -> None:
    answer = client.delete("/api/health", headers=operator)
    assert failure(answer) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_what_is_no_json_is_refused(client: FlaskClient, operator: Headers) -> None:
    plain = client.post("/api/security/events", data="x=1", headers=operator)
    broken = client.post("/api/security/events", data="{", headers=operator, content_type="application/json")
    deep = client.post("/api/security/events", data="[" * 100_000, headers=operator, content_type="application/json")
    assert [failure(plain), failure(broken), failure(deep)] == [
        (415, "unsupported_media_type"),
        (400, "bad_input"),
        (400, "bad_input"),
    ]


@pytest.mark.parametrize("text", ['{"comment": "\\ud800"}', '{"comment": NaN}', '{"\\udfff": 1}', "[]", "3"])
def test_json_that_cannot_be_kept_is_refused(client: FlaskClient, operator: Headers, text: str) -> None:
    answer = client.post("/api/incidents/1/note", data=text, headers=operator, content_type="application/json")
    assert failure(answer) == (400, "bad_input")
    assert answer.get_json()["field"] == "body"


def test_a_field_that_nobody_knows_is_named(client: FlaskClient, operator: Headers) -> None:
    answer = client.post("/api/incidents/1/note", json={"coment": "x"}, headers=operator)
    assert answer.get_json()["field"] == "coment"


def test_a_body_may_have_one_mebibyte_and_events_four(client: FlaskClient, operator: Headers) -> None:
    large = json.dumps({"comment": "x" * http.MIB})
    larger = json.dumps([{"message": "x" * 2000}] * 2500)
    sent = {"headers": operator, "content_type": "application/json"}
    assert failure(client.post("/api/incidents/1/note", data=large, **sent)) == (413, "too_large")  # type: ignore[arg-type]
    events = client.post("/api/security/events", data=larger[: 3 * http.MIB], **sent)  # type: ignore[arg-type]
    assert failure(events) == (400, "bad_input")  # Read, and cut off in the middle.
    assert failure(client.post("/api/security/events", data=larger, **sent)) == (413, "too_large")  # type: ignore[arg-type]


def test_what_is_away_is_said_with_a_time_to_come_again(make_ctx: Callable[..., Context], ctx: Context) -> None:
    away = make_ctx(
        MEMMON_DATABASE_URL=ctx.settings.database_address, MEMMON_REDIS_URL="unix:///tmp/no-redis-is-here.sock"
    )
    answer = create_app(away).test_client().get("/api/tasks")
    assert failure(answer) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_an_error_of_memmons_own_shows_nothing_of_itself(app: Flask) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    app.add_url_rule("/api/broken", "broken", broken)
    answer = app.test_client().get("/api/broken")
    assert failure(answer) == (500, "internal")
    assert "secret detail" not in answer.text


def test_what_a_safety_limit_forbids_is_said(app: Flask) -> None:
    def refuse() -> None:
        raise Refused("127.0.0.1 is a loopback address")

    app.add_url_rule("/api/refused", "refused", refuse)
    assert failure(app.test_client().get("/api/refused")) == (422, "refused")


def test_a_websocket_is_asked_for_by_its_own_protocol(client: FlaskClient) -> None:
    assert failure(client.get("/ws")) == (400, "bad_request")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/api/performance?hours=x", "hours"),
        ("/api/performance?hours=0", "hours"),
        ("/api/performance?hours=-1", "hours"),
        ("/api/performance?hours=nan", "hours"),
        ("/api/performance?hours=1e9", "hours"),
        ("/api/alerts?limit=ten", "limit"),
        ("/api/alerts?limit=-1", "limit"),
        ("/api/alerts?limit=100000", "limit"),
        ("/api/alerts?limit=\u0661", "limit"),
        ("/api/security?limit=1001", "limit"),
        ("/api/incidents?state=gone", "state"),
        ("/api/incidents?after=0", "after"),
        ("/api/metrics?instance=nowhere", "instance"),
        ("/api/health?instance=nowhere", "instance"),
        ("/api/notifications?limit=0", "limit"),
        ("/api/tasks?limit=1.5", "limit"),
    ],
)
def test_a_wrong_value_in_a_query_is_named(client: FlaskClient, query: str, field: str) -> None:
    answer = client.get(query)
    assert failure(answer) == (400, "bad_input")
    assert answer.get_json()["field"] == field
