from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from memmon.context import Context
from memmon.security import access
from tests.web.conftest import Headers
from web import create_app

OUTSIDE = {"REMOTE_ADDR": "203.0.113.5"}
EVENT = {"event_type": "auth_failure", "source_ip": "203.0.113.9"}


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """Tokens are rows like any other: one database is enough here."""
    return sqlite_ctx


def test_reads_from_this_machine_are_open(client: FlaskClient) -> None:
    for address in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert client.get("/api/health", environ_base={"REMOTE_ADDR": address}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_read_through_a_proxy_needs_a_token(client: FlaskClient, header: str) -> None:
    answer = client.get("/api/health", headers={header: "127.0.0.1"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="memmon"'
    assert answer.json is not None
    assert answer.json["error"] == "unauthorized"


def test_a_read_from_elsewhere_needs_a_token(client: FlaskClient, bearer: Callable[[str], Headers]) -> None:
    assert client.get("/api/health", environ_base=OUTSIDE).status_code == 401
    assert client.get("/api/health", environ_base=OUTSIDE, headers=bearer("viewer")).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "memmon.example"])
def test_memmons_own_names_are_open(make_ctx: Callable[..., Context], ctx: Context, host: str) -> None:
    url = ctx.settings.database_address
    named = make_ctx(MEMMON_DATABASE_URL=url, MEMMON_EXTERNAL_URL="https://memmon.example/x")
    assert create_app(named).test_client().get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080"])
def test_a_name_of_somebody_else_that_points_here_is_not_open(client: FlaskClient, host: str) -> None:
    assert client.get("/api/health", headers={"Host": host}).status_code == 401


def test_a_write_needs_a_token_even_from_this_machine(client: FlaskClient) -> None:
    for path in ("/api/alerts/1/resolve", "/api/silences", "/api/security/events", "/api/incidents/1/note"):
        assert client.post(path, json={}).status_code == 401


@pytest.mark.parametrize(
    ("role", "path", "expected"),
    [
        ("viewer", "/api/alerts/1/acknowledge", 403),
        ("ingest", "/api/alerts/1/acknowledge", 403),
        ("operator", "/api/alerts/1/acknowledge", 404),
        ("admin", "/api/alerts/1/acknowledge", 404),
        ("viewer", "/api/security/events", 403),
        ("ingest", "/api/security/events", 400),
        ("operator", "/api/security/events", 400),
    ],
)
def test_each_role_may_do_its_part(
    client: FlaskClient, bearer: Callable[[str], Headers], role: str, path: str, expected: int
) -> None:
    answer = client.post(path, json={}, headers=bearer(role))
    assert answer.status_code == expected
    if expected == 403:
        assert answer.json is not None
        assert ("operator" in answer.json["message"]) or ("ingest" in answer.json["message"])


def test_an_ingest_key_cannot_read(client: FlaskClient, bearer: Callable[[str], Headers]) -> None:
    assert client.get("/api/alerts", headers=bearer("ingest")).status_code == 403


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer \xff\xfe", "nonsense"])
def test_a_wrong_token_is_refused_where_none_would_be_needed(client: FlaskClient, header: str) -> None:
    assert client.get("/api/health", headers={"Authorization": header}).status_code == 401


def test_a_revoked_token_is_worthless(client: FlaskClient, ctx: Context, operator: Headers) -> None:
    assert client.post("/api/alerts/1/resolve", headers=operator).status_code == 404
    access.revoke(ctx, "operator-of-tests")
    assert client.post("/api/alerts/1/resolve", headers=operator).status_code == 401


def test_the_environments_token_is_the_administrators(make_ctx: Callable[..., Context], ctx: Context) -> None:
    url = ctx.settings.database_address
    client = create_app(make_ctx(MEMMON_DATABASE_URL=url, MEMMON_API_TOKEN="a-token-of-tests")).test_client()
    arguments = {"Authorization": "Bearer a-token-of-tests"}
    assert client.post("/api/alerts/1/resolve", headers=arguments, environ_base=OUTSIDE).status_code == 404


def test_an_ingest_key_of_the_environment_writes_events(make_ctx: Callable[..., Context], ctx: Context) -> None:
    url = ctx.settings.database_address
    client = create_app(make_ctx(MEMMON_DATABASE_URL=url, MEMMON_INGEST_KEY="a-key-of-the-tests")).test_client()
    arguments = {"Authorization": "Bearer a-key-of-the-tests"}
    assert client.post("/api/security/events", json=EVENT, headers=arguments, environ_base=OUTSIDE).status_code == 201
    assert client.post("/api/alerts/1/resolve", headers=arguments, environ_base=OUTSIDE).status_code == 403


def test_healthz_is_open_to_everybody(client: FlaskClient) -> None:
    answer = client.get("/healthz", environ_base=OUTSIDE, headers={"Host": "anything"})
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_a_browser_from_elsewhere_is_sent_to_the_login(client: FlaskClient) -> None:
    answer = client.get("/dashboard?range=1h", environ_base=OUTSIDE, headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/dashboard?range%3D1h"


def test_every_view_that_changes_something_asks_for_a_role(app: Flask) -> None:
    outside = app.test_client()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) & {"POST", "PUT", "DELETE", "PATCH"}:
            path = rule.rule
            for name, sample in (("number", "1"), ("action", "1")):
                path = "/".join(sample if part.endswith(f":{name}>") else part for part in path.split("/"))
            path = path.replace("<", "").replace(">", "")
            if rule.endpoint.startswith("login."):
                continue
            answer = outside.open(path, method=method, json={}, environ_base=OUTSIDE)
            assert answer.status_code in (401, 404), (method, path, answer.status_code)
