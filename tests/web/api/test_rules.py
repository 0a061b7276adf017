from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from memmon.alerts import service as alerts
from memmon.context import Context
from tests.conftest import Clock
from tests.web.conftest import Headers

RULES = "groups: [{name: g, rules: [{alert: hot, expr: heat > 80}]}]"


def test_rules_are_checked_and_tried_before_they_are_saved(client: FlaskClient, operator: Headers) -> None:
    response = client.post("/api/rules/check", json={"rules": RULES}, headers=operator)
    assert response.get_json() == {"groups": 1, "rules": 1}
    tried = client.post("/api/rules/backtest", json={"rules": RULES, "since": "1h"}, headers=operator)
    assert tried.status_code == 200, tried.text
    assert [entry["name"] for entry in tried.get_json()["rules"]] == ["hot"]
    assert tried.get_json()["notifications"]["total"] == 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "rules: is missing"),
        ({"rules": "["}, "is no YAML"),
        ({"rules": "groups: [{colour: red}]"}, "groups.0"),
        ({"rules": RULES.replace("heat > 80", "'heat >'")}, "rule hot of group g"),
        ({"rules": RULES, "since": "soon"}, "since"),
        ({"rules": RULES, "since": "90d"}, "since"),
        ({"rules": RULES, "routes": "route: {}"}, "routes"),
    ],
)
def test_what_is_wrong_with_them_is_said(
    client: FlaskClient, operator: Headers, body: dict[str, str], text: str
) -> None:
    answer = client.post("/api/rules/backtest", json=body, headers=operator)
    assert answer.status_code == 400
    assert text in answer.get_json()["message"]


def test_the_report_covers_the_days_that_are_asked_for(client: FlaskClient) -> None:
    response = client.get("/api/rules/report?days=7").get_json()
    assert "resources/high_memory_usage" in response["never_fired"]
    assert client.get("/api/rules/report?days=0").status_code == 400


def test_an_administrator_saves_rules_which_are_then_in_force(
    client: FlaskClient, ctx: Context, bearer: Callable[[str], Headers], operator: Headers, clock: Clock
) -> None:
    admin = bearer("admin")
    assert client.put("/api/rules/files/mine", json={"rules": RULES}, headers=operator).status_code == 403
    ctx.refresh_config()
    saved = client.put("/api/rules/files/mine", json={"rules": RULES}, headers=admin)
    assert saved.get_json() == {"name": "mine", "groups": ["g"], "rules": 1}
    clock.move(2)
    ctx.refresh_config()
    assert "hot" in [rule.name for rule in alerts.rules(ctx)]
    wrong = client.put("/api/rules/files/mine", json={"rules": "groups: ["}, headers=admin)
    assert wrong.status_code == 400
    assert client.put("/api/rules/files/..%2Fx", json={"rules": RULES}, headers=admin).status_code in (400, 404)
    assert client.delete("/api/rules/files/mine", headers=admin).status_code == 200
    clock.move(2)
    ctx.refresh_config()
    assert "hot" not in [rule.name for rule in alerts.rules(ctx)]
