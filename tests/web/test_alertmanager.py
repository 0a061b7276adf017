"""Alertmanager's API: alerts in and out, groups, silences."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

from memmon import encode, labels
from memmon.alerts import service as alerts
from memmon.config.receivers import Receiver
from memmon.context import Context
from memmon.errors import BadInput
from memmon.promql.matcher import Matcher
from memmon.routing import matcher
from tests.conftest import Clock
from tests.memmon.routing.tables import shared, table
from web.api import alertmanager_schema as form

BASE = "/api/v2"
Headers = dict[str, str]


def alert(name: str = "disk_full", **extra: Any) -> dict[str, Any]:
    return {"labels": {"alertname": name, "severity": "critical", "instance": "a"}, **extra}


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """On SQLite; what PostgreSQL may see otherwise is in the tests of the rooms."""
    return sqlite_ctx


@pytest.fixture
def post(client: FlaskClient, operator: Headers) -> Callable[..., Any]:
    """Post as an operator; fail for another status than `status`."""

    def send(path: str, body: Any, status: int = 200) -> Any:
        answer = client.post(f"{BASE}{path}", json=body, headers=operator)
        assert answer.status_code == status, answer.text
        return answer.json if answer.data else None

    return send


def ask(client: FlaskClient, path: str, **query: Any) -> Any:
    answer = client.get(f"{BASE}{path}", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json


def silence(clock: Clock, seconds: float = 3600, **extra: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "instance", "value": "a", "isRegex": False}],
        "startsAt": encode.iso(clock()),
        "endsAt": encode.iso(clock() + seconds),
        "createdBy": "tom",
        "comment": "repair",
        **extra,
    }


def test_a_posted_alert_fires_until_it_is_posted_as_ended(
    client: FlaskClient, post: Callable[..., Any], sent: Callable[[], list[str]], clock: Clock
) -> None:
    begun = encode.iso(clock() - 60)
    post("/alerts", [alert(startsAt=begun, annotations={"summary": "full"}, generatorURL="http://x/graph")])
    [actual] = ask(client, "/alerts")
    assert actual["labels"] == alert()["labels"]
    assert (actual["annotations"], actual["generatorURL"]) == ({"summary": "full"}, "http://x/graph")
    assert (actual["startsAt"], actual["endsAt"]) == (begun, encode.iso(clock() + 300))
    assert actual["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    assert actual["fingerprint"] == labels.fingerprint(labels.of(alert()["labels"]))
    assert actual["receivers"] == ask(client, "/receivers")
    assert sent() == ["incidents.correlate", "notify.tick"]
    post("/alerts", [alert(startsAt=begun, endsAt=encode.iso(clock()))])
    assert ask(client, "/alerts") == []


def test_a_posted_alert_that_nobody_repeats_ends_by_itself(
    client: FlaskClient, ctx: Context, post: Callable[..., Any], clock: Clock
) -> None:
    post("/alerts", [alert()])
    clock.move(200)
    post("/alerts", [alert()])
    clock.move(200)
    alerts.evaluate(ctx)
    assert len(ask(client, "/alerts")) == 1
    clock.move(101)
    alerts.evaluate(ctx)
    assert ask(client, "/alerts") == []


def test_one_label_set_is_one_alert_and_names_may_be_long_or_missing(
    client: FlaskClient, post: Callable[..., Any]
) -> None:
    post("/alerts", [alert(), alert(), alert("x" * 5000), {"labels": {"severity": "odd"}}])
    assert len(ask(client, "/alerts")) == 3


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "must be a list"),
        ([1], "[0]: must be an object"),
        ([{}], "[0].labels"),
        ([{"labels": {}}], "at least one label pair"),
        ([{"labels": {"alertname": ""}}], "at least one label pair"),
        ([{"labels": {"a\nb": "x"}}], "is not a label name"),
        ([{"labels": {"a": 1}}], "[0].labels.a"),
        ([{"labels": {"a": "\0"}}], "[0].labels.a"),
        ([{"labels": {"a": "\ud800"}}], "body"),
        ([alert(annotations=[])], "[0].annotations"),
        ([alert(startsAt="now")], "[0].startsAt"),
        ([alert(startsAt="2026-01-02T00:00:00Z", endsAt="2026-01-01T00:00:00Z")], "start time must be before"),
        ([alert()] * 1001, "at most 1000"),
    ],
)
def test_an_alert_that_is_none_is_refused_by_its_place(post: Callable[..., Any], body: Any, text: str) -> None:
    assert text in post("/alerts", body, 400)


def test_the_good_ones_are_taken_although_another_is_wrong(client: FlaskClient, post: Callable[..., Any]) -> None:
    assert "[0].labels" in post("/alerts", [{}, alert()], 400)
    assert len(ask(client, "/alerts")) == 1


def test_alerts_are_chosen_by_filter_and_receiver(client: FlaskClient, post: Callable[..., Any]) -> None:
    post("/alerts", [alert("a"), alert("b")])
    names = [
        entry["labels"]["alertname"] for entry in ask(client, "/alerts", filter=['alertname=~"a|c"', "instance=a"])
    ]
    assert names == ["a"]
    assert ask(client, "/alerts", receiver="nobody") == []
    [receiver] = ask(client, "/receivers")
    assert len(ask(client, "/alerts", receiver=receiver["name"])) == 2
    assert client.get(f"{BASE}/alerts", query_string={"filter": "!!"}).status_code == 400
    assert client.get(f"{BASE}/alerts", query_string={"receiver": "("}).status_code == 400
    assert client.get(f"{BASE}/alerts", query_string={"active": "perhaps"}).status_code == 400


def test_a_silenced_alert_says_by_what(client: FlaskClient, post: Callable[..., Any], clock: Clock) -> None:
    post("/alerts", [alert(), {"labels": {"alertname": "other"}}])
    index = post("/silences", silence(clock))["silenceID"]
    [actual] = ask(client, "/alerts", active="false")
    assert actual["status"]["state"] == "suppressed"
    assert actual["status"]["silencedBy"] == [index]
    assert [entry["labels"]["alertname"] for entry in ask(client, "/alerts", silenced="false")] == ["other"]


def test_an_inhibited_alert_says_by_which(
    make_ctx: Callable[..., Context], app: Any, client: FlaskClient, ctx: Context, post: Callable[..., Any]
) -> None:
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "routes.yml").write_text(
        """
route: {receiver: team, group_by: [instance], group_wait: 45s, routes: [{receiver: pager, matchers: ['severity="critical"']}]}
receivers: [{name: team}, {name: pager, webhook_configs: [{url: 'http://127.0.0.1:9/secret'}]}]
inhibit_rules: [{source_matchers: ['severity="critical"'], target_matchers: ['severity="info"'], equal: [instance]}]
"""
    )
    ctx.reload_config()
    post("/alerts", [alert(), {"labels": {"alertname": "hint", "severity": "info", "instance": "a"}}])
    [hint] = ask(client, "/alerts", filter="alertname=hint")
    [cause] = ask(client, "/alerts", filter="alertname=disk_full")
    assert hint["status"]["inhibitedBy"] == [cause["fingerprint"]]
    assert [entry["labels"]["alertname"] for entry in ask(client, "/alerts", inhibited="false")] == ["disk_full"]
    groups = ask(client, "/alerts/groups")
    assert [(group["receiver"]["name"], group["labels"], len(group["alerts"])) for group in groups] == [
        ("pager", {"instance": "a"}, 1),
        ("team", {"instance": "a"}, 1),
    ]
    safe_load = yaml.safe_load(ask(client, "/status")["config"]["original"])
    assert safe_load["route"]["group_wait"] == "45s"
    assert safe_load["route"]["routes"][0]["receiver"] == "pager"
    assert "secret" not in str(safe_load)


def test_a_silence_is_made_shown_found_and_ended(
    client: FlaskClient, post: Callable[..., Any], operator: Headers, clock: Clock
) -> None:
    index = post("/silences", silence(clock))["silenceID"]
    actual = ask(client, f"/silence/{index}")
    assert actual["status"] == {"state": "active"}
    assert actual["matchers"] == [{"name": "instance", "value": "a", "isRegex": False, "isEqual": True}]
    assert [entry["id"] for entry in ask(client, "/silences", filter='instance="a"')] == [index]
    assert ask(client, "/silences", filter='instance=~"a"') == []
    for _ in range(2):
        assert client.delete(f"{BASE}/silence/{index}", headers=operator).status_code == 200
    assert ask(client, f"/silence/{index}")["status"] == {"state": "expired"}


def test_silences_stand_in_alertmanagers_order(client: FlaskClient, post: Callable[..., Any], clock: Clock) -> None:
    long, short = (post("/silences", silence(clock, seconds))["silenceID"] for seconds in (7200, 3600))
    later = post("/silences", silence(clock, startsAt=encode.iso(clock() + 600)))["silenceID"]
    assert [entry["id"] for entry in ask(client, "/silences")] == [short, long, later]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"name": "a", "value": ""}]}, "empty string"),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, "regular expression"),
        ({"matchers": [{"name": "", "value": "x"}]}, "matchers[0].name"),
        ({"matchers": [{"name": "a"}]}, "matchers[0].value"),
        ({"endsAt": "2025-01-01T00:00:00Z", "startsAt": "2024-01-01T00:00:00Z"}, "in the past"),
        ({"endsAt": "2026-01-01T00:00:00Z"}, "before end"),
        ({"endsAt": None}, "endsAt: is missing"),
        ({"startsAt": "tomorrow"}, "startsAt"),
        ({"createdBy": None}, "createdBy"),
        ({"comment": 1}, "comment"),
    ],
)
def test_a_silence_that_is_none_is_refused_by_its_field(
    post: Callable[..., Any], clock: Clock, change: dict[str, Any], text: str
) -> None:
    assert text in post("/silences", silence(clock) | change, 400)


def test_an_unknown_silence_is_not_found(
    client: FlaskClient, post: Callable[..., Any], operator: Headers, clock: Clock
) -> None:
    assert "nothing" in post("/silences", silence(clock, id="nothing"), 404)
    assert client.get(f"{BASE}/silence/nothing").status_code == 404
    assert client.delete(f"{BASE}/silence/nothing", headers=operator).status_code == 404
    assert client.get(f"{BASE}/silence/%00").status_code == 400
    assert client.delete(f"{BASE}/silence/%00", headers=operator).status_code == 400


def test_writes_need_a_role_and_alerts_may_come_by_an_ingest_key(
    client: FlaskClient, bearer: Callable[[str], Headers], clock: Clock
) -> None:
    assert client.post(f"{BASE}/alerts", json=[alert()]).status_code == 401
    viewer, ingest = bearer("viewer"), bearer("ingest")
    assert client.post(f"{BASE}/alerts", json=[alert()], headers=viewer).status_code == 403
    assert client.post(f"{BASE}/alerts", json=[alert()], headers=ingest).status_code == 200
    assert client.post(f"{BASE}/silences", json=silence(clock), headers=ingest).status_code == 403
    assert client.delete(f"{BASE}/silence/x", headers=viewer).status_code == 403


def test_the_status_names_the_version(client: FlaskClient) -> None:
    actual = ask(client, "/status")
    assert actual["versionInfo"]["version"]
    assert actual["cluster"] == {"status": "disabled", "peers": []}
    assert encode.seconds_of(actual["uptime"]) > 0


def test_a_name_may_be_any_text_as_alertmanager_takes_it(
    client: FlaskClient, post: Callable[..., Any], clock: Clock
) -> None:
    post("/alerts", [{"labels": {"alertname": "x", "größe in m": "1"}}])
    assert len(ask(client, "/alerts", filter='"größe in m"="1"')) == 1
    post("/silences", silence(clock, matchers=[{"name": "größe in m", "value": "1", "isRegex": False}]))
    assert ask(client, "/alerts")[0]["status"]["state"] == "suppressed"


def test_alerts_are_chosen_by_what_their_receivers_are_labelled(
    client: FlaskClient, ctx: Context, post: Callable[..., Any]
) -> None:
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "routes.yml").write_text("{route: {receiver: a}, receivers: [{name: a, labels: {owner: x}}]}")
    ctx.reload_config()
    post("/alerts", [alert()])
    assert len(ask(client, "/alerts", receiver_matchers='owner="x"')) == 1
    assert ask(client, "/alerts", receiver_matchers='owner="y"') == []


@pytest.mark.parametrize("row", table("matchers", "label_names"))
def test_alertmanager_takes_the_same_names(row: dict[str, Any]) -> None:
    with nullcontext() if row["utf8"] else pytest.raises(BadInput):
        form.parse_label_name(row["name"], "labels")
    assert bool(labels.LABEL_NAME.fullmatch(row["name"])) == row["classic"]


@pytest.mark.parametrize("row", table("filters", "receivers"))
def test_alertmanager_chooses_receivers_the_same(row: dict[str, Any]) -> None:
    existing = shared("filters", "receiver_labels")
    results = [Receiver(name=name, labels=existing[name]) if name in existing else None for name in row["receivers"]]
    assert (
        any(form.receiver_matches(matcher.parse(row["receiver_matcher"]), entry) for entry in results) == row["shown"]
    )


@pytest.mark.parametrize("row", table("filters", "alerts"))
def test_alertmanager_filters_alerts_the_same(row: dict[str, Any]) -> None:
    entry = row["filter"]
    assert Matcher(entry["name"], entry["op"], entry["value"]).accepts(labels.of(row["labels"])) == row["shown"]


@pytest.mark.parametrize("row", table("silences", "filters"))
def test_alertmanager_filters_silences_the_same(row: dict[str, Any]) -> None:
    created = [Matcher(entry["name"], entry["op"], entry["value"]) for entry in row["silence"]]
    entry = row["filter"]
    body = {"matchers": [matcher.to_json(each) for each in created]}
    assert form.silence_matches(body, (Matcher(entry["name"], entry["op"], entry["value"]),)) == row["shown"]


def test_alertmanager_orders_silences_the_same(clock: Clock) -> None:
    example = shared("silences", "order").get("example")
    if example is None:
        pytest.skip("the tables are not there")

    def created(text: str) -> dict[str, Any]:
        state, hours = text.split()
        start, end = (encode.iso(3600.0 * int(hour)) for hour in hours.split("-"))
        return {"text": text, "status": {"state": state}, "startsAt": start, "endsAt": end}

    assert [entry["text"] for entry in sorted(map(created, example["input"]), key=form.silence_sort_key)] == example[
        "sorted"
    ]


@pytest.mark.parametrize("row", table("silences", "http"))
def test_alertmanager_answers_the_same(
    row: dict[str, Any], client: FlaskClient, post: Callable[..., Any], operator: Headers, clock: Clock
) -> None:
    numbers = {"unknown": "5f7a1b1c-0000-4000-8000-000000000000", None: ""}
    numbers["active"] = post("/silences", silence(clock))["silenceID"]
    numbers["expired"] = post("/silences", silence(clock))["silenceID"]
    client.delete(f"{BASE}/silence/{numbers['expired']}", headers=operator)
    index = numbers[row["id"]]
    if row["do"] == "DELETE":
        assert client.delete(f"{BASE}/silence/{index}", headers=operator).status_code == row["status"]
        return
    times = {name: encode.iso(clock() + row[key]) for name, key in (("startsAt", "start"), ("endsAt", "end"))}
    answer = client.post(f"{BASE}/silences", json=silence(clock, id=index, **times), headers=operator)
    assert answer.status_code == row["status"], answer.text
    if row.get("new_id"):
        assert answer.json["silenceID"] != index
