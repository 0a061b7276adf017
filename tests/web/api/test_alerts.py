from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from memmon.alerts import service
from memmon.context import Context
from memmon.notify import service as notify
from memmon.promql.matcher import Matcher
from memmon.routing import service as routing
from tests.conftest import Clock
from tests.web.conftest import Headers


@pytest.fixture
def firing(ctx: Context) -> int:
    """The id of an alert that fires."""
    service.raise_event(ctx, "trouble", "error", {"instance": "a"}, {"summary": "trouble of a"}, 3600)
    return int(service.firing(ctx)[0]["id"])


def alerts_body(client: FlaskClient) -> dict[str, Any]:
    response: dict[str, Any] = client.get("/api/alerts").get_json()
    return response


def test_what_fires_is_shown_with_its_rule_and_numbers(client: FlaskClient, firing: int) -> None:
    actual = alerts_body(client)
    assert set(actual) == {"summary", "active_alerts", "next", "alert_rules", "alert_history"}
    assert set(actual["summary"]) >= {
        "total_alerts", "active_alerts", "alerts_by_severity", "alerts_resolved", "notifications_sent",
        "suppressed_alerts", "alert_rules", "notification_channels",
    }  # fmt: skip
    [alert] = actual["active_alerts"]
    assert (alert["id"], alert["name"], alert["severity"], alert["status"]) == (firing, "trouble", "error", "open")
    assert alert["message"] == "trouble of a"
    assert set(actual["alert_rules"][0]) >= {
        "name", "expr", "condition", "severity", "threshold", "duration", "enabled", "labels", "annotations"
    }  # fmt: skip


def test_acknowledging_says_by_whom(client: FlaskClient, operator: Headers, firing: int) -> None:
    answer = client.post(f"/api/alerts/{firing}/acknowledge", json={"comment": "on it"}, headers=operator)
    assert answer.status_code == 200
    alert = answer.get_json()
    assert (alert["status"], alert["acknowledged_by"]) == ("acknowledged", "operator-of-tests")
    assert alert["comment"] == "on it"
    other = client.post(f"/api/alerts/{firing}/acknowledge", json={"by": "alice"}, headers=operator)
    assert other.get_json()["acknowledged_by"] == "alice"
    assert alerts_body(client)["active_alerts"][0]["status"] == "acknowledged"


def test_resolving_ends_it_and_wakes_who_tells_of_it(
    client: FlaskClient, operator: Headers, firing: int, sent: Callable[[], list[str]]
) -> None:
    assert client.post(f"/api/alerts/{firing}/resolve", headers=operator).get_json()["state"] == "resolved"
    actual = alerts_body(client)
    assert (actual["active_alerts"], actual["summary"]["alerts_resolved"]) == ([], 1)
    assert actual["alert_history"][0]["id"] == firing
    assert sent() == ["incidents.correlate", "notify.tick"]
    again = client.post(f"/api/alerts/{firing}/resolve", headers=operator)
    assert (again.status_code, again.get_json()["error"]) == (409, "conflict")


def test_a_silenced_alert_is_suppressed_and_says_by_what(client: FlaskClient, ctx: Context, firing: int) -> None:
    silence = routing.silence(ctx, (Matcher("alertname", "=", "trouble"),), 60, "alice", "")
    actual = alerts_body(client)
    assert actual["active_alerts"][0]["status"] == "suppressed"
    assert actual["active_alerts"][0]["silenced_by"] == [silence["id"]]
    assert actual["summary"]["suppressed_alerts"] == 1


def test_messages_that_were_sent_are_counted(client: FlaskClient, ctx: Context, clock: Clock, firing: int) -> None:
    assert alerts_body(client)["summary"]["notifications_sent"] == 0
    notify.flush(ctx)
    clock.move(10)
    for job in notify.flush(ctx):
        notify.deliver(ctx, *job.args)
    summary = alerts_body(client)["summary"]
    assert summary["notifications_sent"] == 1
    assert summary["notification_channels"] == len(notify.channels(ctx)) >= 1
    answer = client.get("/api/notifications?limit=5").get_json()
    assert answer["counts"] == {"waiting": 0, "sending": 0, "sent": 1, "failed": 0}
    assert [(entry["state"], len(entry["attempts"])) for entry in answer["notifications"]] == [("sent", 1)]
    assert answer["channels"][0]["last_state"] == "sent"


def test_an_alert_that_is_not_there(client: FlaskClient, operator: Headers) -> None:
    assert client.post("/api/alerts/4711/acknowledge", headers=operator).status_code == 404


def test_an_alert_is_explained_and_acknowledged_for_a_while(
    client: FlaskClient, ctx: Context, operator: Headers
) -> None:
    service.raise_event(ctx, "trouble", "critical", {}, {}, 600)
    index = service.firing(ctx)[0]["id"]
    notify.flush(ctx)
    response = client.get(f"/api/alerts/{index}/explain").get_json()
    assert response["groups"][0]["receiver"] == "default"
    assert response["verdict"]
    cared = client.post(f"/api/alerts/{index}/acknowledge", json={"by": "kim", "duration": "1h"}, headers=operator)
    assert cared.get_json()["acknowledged_until"] is not None
    wrong = client.post(f"/api/alerts/{index}/acknowledge", json={"duration": "90d"}, headers=operator)
    assert (wrong.status_code, "duration" in wrong.get_json()["message"]) == (400, True)
    back = client.post(f"/api/alerts/{index}/unacknowledge", headers=operator)
    assert back.get_json()["status"] == "open"
    assert client.get("/api/alerts/99/explain").status_code == 404
    page = client.get(f"/dashboard/alerts/{index}")
    assert "Notifications" in page.get_data(as_text=True)
    assert client.get("/dashboard/alerts/99").status_code == 404


def test_many_alerts_come_page_by_page(client: FlaskClient, ctx: Context) -> None:
    for n in range(5):
        service.raise_event(ctx, "trouble", "warning", {"n": str(n)}, {}, 600)
    seen, after = [], 0
    while after is not None:
        page = client.get(f"/api/alerts?active=2&after={after}").get_json()
        assert page["summary"]["active_alerts"] == 5
        seen += [entry["labels"]["n"] for entry in page["active_alerts"]]
        after = page["next"]
    assert seen == ["0", "1", "2", "3", "4"]
    assert client.get("/api/alerts?active=0").status_code == 400
