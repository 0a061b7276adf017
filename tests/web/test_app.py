import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from memmon.context import Context
from memmon.security import access
from tests.conftest import Clock
from web import create_app

READS = (
    "/api/status",
    "/api/metrics",
    "/api/metrics/prometheus",
    "/metrics",
    "/api/health",
    "/api/performance",
    "/api/alerts",
    "/api/silences",
    "/api/security",
    "/api/security/restrictions",
    "/api/incidents",
    "/api/notifications",
    "/api/tasks",
    "/api/session",
    "/healthz",
    "/login",
)


def test_every_read_answers_before_anything_ran(client: FlaskClient) -> None:
    for path in READS:
        answer = client.get(path)
        assert answer.status_code == 200, path
        if answer.mimetype == "application/json":
            assert json.loads(answer.text) is not None
        head = client.head(path)
        assert (head.status_code, head.text) == (200, ""), path


@pytest.mark.parametrize("path", ["/api/status", "/login", "/nowhere", "/api/incidents/1", "/ws"])
def test_every_answer_tells_the_browser_what_it_may_do(sqlite_ctx: Context, path: str) -> None:
    headers = create_app(sqlite_ctx).test_client().get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_it_is_made_and_answers_without_redis_and_sql(make_ctx: Callable[..., Context]) -> None:
    nothing = make_ctx(
        MEMMON_REDIS_URL="unix:///tmp/no-redis-is-here.sock", MEMMON_DATABASE_URL="sqlite:////nowhere/at/all.db"
    )
    client = create_app(nothing).test_client()
    assert client.get("/healthz").status_code == 200
    status = client.get("/api/status").get_json()
    assert status["system_status"] == "critical"
    assert (status["redis"]["status"], status["database"]["status"]) == ("down", "down")
    assert "redis" in status["redis"]["reason"]
    assert client.get("/api/health").status_code == 503


def test_a_changed_configuration_is_in_force_at_the_next_request(sqlite_ctx: Context, clock: Clock) -> None:
    client = create_app(sqlite_ctx).test_client()

    def names() -> list[str]:
        return [rule["name"] for rule in client.get("/api/alerts").get_json()["alert_rules"]]

    assert "mine" not in names()
    folder = sqlite_ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    rules = "groups: [{name: g, rules: [{alert: mine, expr: up == 0, labels: {severity: error}}]}]"
    (folder / "rules.yml").write_text(rules)
    assert "mine" not in names()
    sqlite_ctx.publish_config_change()
    clock.move(2)
    assert "mine" in names()


def test_while_redis_hangs_no_request_waits_for_it_to_hear_of_a_configuration(
    sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(sqlite_ctx, "refresh_config", lambda: asked.append(True))
    app = create_app(sqlite_ctx)
    app.extensions["memmon_hub"].is_redis_up = False
    app.test_client().get("/api/health")
    assert asked == []
    app.extensions["memmon_hub"].is_redis_up = True
    app.test_client().get("/api/health")
    assert asked == [True]


def test_who_changes_something_is_in_the_log(sqlite_ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(sqlite_ctx).test_client()
    caplog.set_level("INFO", "web")
    for name, role in (("alice", "operator"), ("reporter", "ingest")):
        headers = {"Authorization": f"Bearer {access.create(sqlite_ctx, name, role)}"}
        client.post("/api/security/events", json={"event_type": "auth_success"}, headers=headers)
        client.post("/api/silences", json={"matchers": ["a=b"], "duration": "1h"}, headers=headers)
    assert [record.getMessage() for record in caplog.records] == ["POST /api/silences by alice (operator)"]


def test_no_two_views_have_one_path(sqlite_ctx: Context) -> None:
    seen: set[tuple[str, str]] = set()
    for rule in create_app(sqlite_ctx).url_map.iter_rules():
        for method in (rule.methods or set()) - {"OPTIONS"}:
            assert (rule.rule, method) not in seen
            seen.add((rule.rule, method))
