from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from memmon import secret
from memmon.context import Context
from memmon.security import access
from tests.conftest import Clock
from tests.web.conftest import Headers
from web import create_app, login
from web.login import ATTEMPT_WINDOW, MAX_ATTEMPTS, LoginThrottle

OUTSIDE = {"REMOTE_ADDR": "203.0.113.5"}


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """Tokens are rows like any other: one database is enough here."""
    return sqlite_ctx


@pytest.fixture(autouse=True)
def _nobody_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "login_throttle", LoginThrottle())


@pytest.fixture
def token(ctx: Context) -> str:
    return access.create(ctx, "alice", "operator")


def sign_in(client: FlaskClient, token: str) -> TestResponse:
    return client.post("/login", json={"token": token}, environ_base=OUTSIDE)


def test_a_signed_in_browser_reads_and_with_the_csrf_token_writes(client: FlaskClient, token: str) -> None:
    begun = sign_in(client, token)
    assert begun.json is not None
    assert (begun.json["signed_in"], begun.json["name"], begun.json["role"]) == (True, "alice", "operator")
    assert client.get("/api/alerts", environ_base=OUTSIDE).status_code == 200
    without = client.post("/api/alerts/1/resolve", environ_base=OUTSIDE)
    wrong = client.post("/api/alerts/1/resolve", environ_base=OUTSIDE, headers={"X-CSRF-Token": "x"})
    right = client.post("/api/alerts/1/resolve", environ_base=OUTSIDE, headers={"X-CSRF-Token": begun.json["csrf"]})
    assert [answer.status_code for answer in (without, wrong, right)] == [403, 403, 404]


def test_a_page_of_somebody_else_cannot_write_even_with_the_csrf_token(client: FlaskClient, token: str) -> None:
    begun = sign_in(client, token)
    assert begun.json is not None
    headers = {"X-CSRF-Token": begun.json["csrf"], "Origin": "https://evil.example"}
    assert client.post("/api/alerts/1/resolve", environ_base=OUTSIDE, headers=headers).status_code == 403
    headers["Origin"] = "http://localhost"
    assert client.post("/api/alerts/1/resolve", environ_base=OUTSIDE, headers=headers).status_code == 404


def test_the_cookie_is_for_memmons_own_page_only(client: FlaskClient, token: str) -> None:
    cookie = sign_in(client, token).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert token not in cookie


def test_a_form_is_sent_back_to_the_page_that_it_came_from(client: FlaskClient, token: str) -> None:
    answer = client.post("/login", data={"token": token, "next": "/dashboard/incidents/3"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard/incidents/3")


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "dashboard", "/\t/x", "//["],
)
def test_a_login_leads_nowhere_else(client: FlaskClient, token: str, target: str) -> None:
    answer = client.post("/login", data={"token": token, "next": target})
    assert answer.headers["Location"] == "/dashboard"


@pytest.mark.parametrize("arguments", ["https://evil.example", "null", "http://["])
def test_a_page_of_somebody_else_cannot_sign_in(client: FlaskClient, token: str, arguments: str) -> None:
    assert client.post("/login", data={"token": token}, headers={"Origin": arguments}).status_code == 403


def test_a_wrong_token_signs_nobody_in(client: FlaskClient) -> None:
    assert sign_in(client, "wrong").status_code == 401
    form = client.post("/login", data={"token": "wrong"})
    assert form.status_code == 401
    assert "not known" in form.text
    assert client.get_cookie("session") is None


def test_an_ingest_key_signs_nobody_in(client: FlaskClient, ctx: Context) -> None:
    assert sign_in(client, access.create(ctx, "reporter", "ingest")).status_code == 401


def test_too_many_wrong_tokens_make_an_address_wait(client: FlaskClient, token: str, clock: Clock) -> None:
    assert [sign_in(client, "wrong").status_code for _ in range(MAX_ATTEMPTS)] == [401] * MAX_ATTEMPTS
    refused = sign_in(client, token)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, f"{ATTEMPT_WINDOW:g}")
    assert client.post("/login", json={"token": token}).status_code == 200  # From another address.
    clock.move(ATTEMPT_WINDOW + 1)
    assert sign_in(client, token).status_code == 200


def test_a_session_ends_with_its_token(client: FlaskClient, ctx: Context, token: str) -> None:
    sign_in(client, token)
    assert client.get("/api/alerts", environ_base=OUTSIDE).status_code == 200
    access.revoke(ctx, "alice")
    assert client.get("/api/alerts", environ_base=OUTSIDE).status_code == 401


def test_a_session_ends_by_itself(client: FlaskClient, token: str, clock: Clock) -> None:
    sign_in(client, token)
    clock.move(13 * 3600)
    assert client.get("/api/alerts", environ_base=OUTSIDE).status_code == 401


def test_signing_out_forgets_the_cookie(client: FlaskClient, token: str) -> None:
    begun = sign_in(client, token)
    assert begun.json is not None
    assert client.post("/logout", environ_base=OUTSIDE).status_code == 403
    answer = client.post("/logout", environ_base=OUTSIDE, headers={"X-CSRF-Token": begun.json["csrf"]})
    assert answer.json == {"signed_in": False, "name": None, "role": None, "csrf": None}
    assert client.get("/api/alerts", environ_base=OUTSIDE).status_code == 401


def test_a_session_of_the_administrator_ends_when_the_environments_token_changes(
    make_ctx: Callable[..., Context], ctx: Context
) -> None:
    def asked_with(token: str, cookie: str | None = None) -> TestResponse:
        arguments = make_ctx(MEMMON_DATABASE_URL=ctx.settings.database_address, MEMMON_API_TOKEN=token)
        client = create_app(arguments).test_client(use_cookies=False)
        if cookie is None:
            return sign_in(client, token)
        return client.get("/api/alerts", environ_base=OUTSIDE, headers={"Cookie": cookie})

    begun = asked_with("the-first-token-of-all")
    assert begun.json is not None
    assert begun.json["role"] == "admin"
    cookie = begun.headers["Set-Cookie"].split(";")[0]
    assert asked_with("the-first-token-of-all", cookie).status_code == 200
    assert asked_with("the-second-token-of-all", cookie).status_code == 401


def test_another_web_process_knows_the_session(client: FlaskClient, ctx: Context, token: str) -> None:
    cookie = sign_in(client, token).headers["Set-Cookie"].split(";")[0]
    secret.load_or_create.cache_clear()  # As a process that starts now.
    other = create_app(ctx).test_client(use_cookies=False)
    assert other.get("/api/alerts", environ_base=OUTSIDE, headers={"Cookie": cookie}).status_code == 200
    path: Path = ctx.settings.run_dir / "secret.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(path.parent.glob(".secret*"))) == 0


def test_a_forged_cookie_is_nobodys(client: FlaskClient, token: str) -> None:
    name, _, value = sign_in(client, token).headers["Set-Cookie"].split(";")[0].partition("=")
    client.set_cookie(name, value[:-3] + "abc")
    assert client.get("/api/alerts", environ_base=OUTSIDE).status_code == 401


def test_the_session_says_who_looks(client: FlaskClient, operator: Headers) -> None:
    nobody = {"signed_in": False, "name": None, "role": None, "csrf": None}
    assert client.get("/api/session", environ_base=OUTSIDE).json == nobody
    assert client.get("/api/session").json == {**nobody, "name": "local", "role": "viewer"}
    by_token = client.get("/api/session", environ_base=OUTSIDE, headers=operator).json
    assert by_token == {**nobody, "name": "operator-of-tests", "role": "operator"}


def test_only_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "MAX_ADDRESSES", 3)
    attempts = LoginThrottle()
    for index in range(5):
        for _ in range(MAX_ATTEMPTS):
            attempts.record_failure(f"203.0.113.{index}", 100)
    assert [attempts.retry_after(f"203.0.113.{index}", 100) for index in range(5)] == [
        0,
        0,
        ATTEMPT_WINDOW,
        ATTEMPT_WINDOW,
        ATTEMPT_WINDOW,
    ]
