from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from memmon import labels as label_sets
from memmon.config.routes import Routes
from memmon.errors import BadConfig
from memmon.routing import route
from memmon.routing.route import RouteNode
from memmon.settings import Settings, load
from tests.memmon.routing.tables import shared, table

BARE = load({"MEMMON_HOME": "/nowhere"})
WITH_MAIL = load({"MEMMON_HOME": "/nowhere", "MEMMIMIC_ALERT_EMAIL": "ops@example.org"})


def routes(text: str) -> Routes:
    """Return routes with all the receivers that they name."""
    top = yaml.safe_load(text)
    names = sorted({entry["receiver"] for entry in _all(top) if entry.get("receiver")})
    return Routes.model_validate({"route": top, "receivers": [{"name": name} for name in names]})


def _all(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry, *(deeper for child in entry.get("routes", []) for deeper in _all(child))]


def tree(text: str, settings: Settings = BARE) -> RouteNode:
    return route.tree(routes(text), settings)


def taken(node: RouteNode, **labels: str) -> list[str]:
    return [entry.receiver for entry in route.match(node, label_sets.of(labels))]


NESTED = """
receiver: root
group_by: [alertname]
group_wait: 10s
routes:
- matchers: [team="a"]
  receiver: a
  routes:
  - matchers: [env="test"]
    receiver: quiet
    group_interval: 1h
- matchers: [severity="critical"]
  receiver: pager
  continue: true
- matchers: [severity=~"critical|error"]
  receiver: chat
"""


def test_an_alert_takes_the_deepest_routes_that_fit_and_stops_at_the_first_unless_it_goes_on() -> None:
    top = tree(NESTED)
    assert taken(top, team="a") == ["a"]
    assert taken(top, team="a", env="test", severity="critical") == ["quiet"]
    assert taken(top, severity="critical") == ["pager", "chat"]
    assert taken(top, severity="error") == ["chat"]
    assert taken(top) == ["root"]


def test_a_route_has_from_its_parent_what_it_does_not_say() -> None:
    [node] = route.match(tree(NESTED), label_sets.of(team="a", env="test"))
    assert (node.group_by, node.group_wait, node.group_interval, node.repeat_interval) == (
        ("alertname",),
        10,
        3600,
        4 * 3600,
    )


def test_the_environments_receiver_hears_of_everything_beside_the_operators_routes() -> None:
    top = tree(NESTED, WITH_MAIL)
    assert taken(top) == ["environment", "root"]
    assert taken(top, team="a") == ["environment", "a"]
    assert taken(top, severity="critical") == ["environment", "pager", "chat"]


def test_what_is_critical_reaches_the_environments_receiver_at_once() -> None:
    top = tree(NESTED, WITH_MAIL)
    waits = [route.match(top, label_sets.of(severity=s))[0].group_wait for s in ("critical", "error")]
    assert waits == [0, 10]


def test_both_addresses_and_both_webhooks_of_the_environment_are_told_once_each() -> None:
    settings = load(
        {
            "MEMMON_HOME": "/nowhere",
            "MEMMIMIC_ALERT_EMAIL": "a@example.org",
            "MEMMIMIC_EMAIL_TO": "b@example.org",
            "MEMMIMIC_ALERT_WEBHOOK": "http://hook",
            "MEMMIMIC_WEBHOOK_URL": "http://hook",
        }
    )
    environment = route.environment(settings)
    assert environment is not None
    assert [email_config.to for email_config in environment.email_configs] == ["a@example.org", "b@example.org"]
    assert [webhook_config.url for webhook_config in environment.webhook_configs] == ["http://hook"]
    assert all(channel.send_resolved for _, channel in route.channels(environment))
    assert route.environment(BARE) is None


def test_a_group_keeps_its_key_when_routes_are_put_in_another_order_or_the_environment_gets_a_receiver() -> None:
    labels = label_sets.of(severity="error", alertname="x")
    lines = yaml.safe_load(NESTED)
    other = yaml.safe_dump({**lines, "routes": lines["routes"][::-1]})
    keys = {
        route.group_key(node, labels)
        for top in (tree(NESTED), tree(other), tree(NESTED, WITH_MAIL))
        for node in route.match(top, labels)
        if node.receiver == "chat"
    }
    assert keys == {'{}/{severity=~"critical|error"}:{alertname="x"}'}


def test_a_matcher_that_is_none_is_refused_before_it_is_used() -> None:
    route.check(routes(NESTED), BARE)
    with pytest.raises(BadConfig, match="nonsense"):
        route.check(routes("{receiver: root, routes: [{matchers: [nonsense]}]}"), BARE)
    arguments = {
        "route": {"receiver": "r"},
        "receivers": [{"name": "r"}],
        "inhibit_rules": [{"source_matchers": ["a=~("]}],
    }
    with pytest.raises(BadConfig, match="missing"):
        route.check(Routes.model_validate(arguments), BARE)


@pytest.mark.parametrize("text", ["x" * 600, "a\x00b", "é" * 600])
def test_a_key_that_no_column_holds_is_cut_and_stays_its_own(text: str) -> None:
    short = route.short(text, 512)
    assert len(short) <= 512
    assert short.isprintable()
    assert short != route.short(text + "y", 512)
    assert route.short("plain", 512) == "plain"


SHARED = shared("routes", "configs")


@pytest.mark.parametrize("row", table("routes", "cases"))
def test_alertmanager_routes_the_same(row: dict[str, Any]) -> None:
    labels = label_sets.of(row["labels"])
    results = [
        {
            "receiver": node.receiver,
            "key": node.key,
            "id": node.id,
            "group_by": "..." if route.ALL_LABELS in node.group_by else sorted(node.group_by),
            "group_wait": node.group_wait,
            "group_interval": node.group_interval,
            "repeat_interval": node.repeat_interval,
            "labels": dict(node.labels),
            "group_key": route.group_key(node, labels),
        }
        for node in route.match(tree(SHARED[row["config"]]), labels)
    ]
    assert results == [{"labels": {}, **entry} for entry in row["routes"]]


@pytest.mark.parametrize("row", table("routes", "walk"))
def test_alertmanager_walks_the_same(row: dict[str, Any]) -> None:
    nodes = route.walk(tree(SHARED[row["config"]]))
    if "ids" in row:
        assert [node.id for node in nodes] == row["ids"]
    if "receivers" in row:
        assert [node.receiver for node in nodes] == row["receivers"]


values = st.sampled_from(["", "1", "2"])
label_set = st.fixed_dictionaries({"a": values, "b": values}).map(label_sets.of)
matching = st.builds(lambda n, op, v: f'{n}{op}"{v}"', st.sampled_from("ab"), st.sampled_from(["=", "!="]), values)
plain_route = st.fixed_dictionaries({"matchers": st.lists(matching, max_size=2), "continue": st.booleans()})
any_route = st.recursive(
    plain_route, lambda inner: st.builds(lambda r, c: {**r, "routes": c}, plain_route, st.lists(inner, max_size=3))
)


@given(st.lists(any_route, max_size=4), label_set, st.booleans())
def test_every_alert_is_taken_by_somebody_and_each_route_it_takes_fits(
    children: list[dict[str, Any]], labels: label_sets.Labels, mail: bool
) -> None:
    given_routes = Routes.model_validate({"route": {"receiver": "r", "routes": children}, "receivers": [{"name": "r"}]})
    top = route.tree(given_routes, WITH_MAIL if mail else BARE)
    match = route.match(top, labels)
    assert [node.receiver for node in match if node.receiver != "environment"]
    assert ("environment" in [node.receiver for node in match]) == mail
    assert all(matcher.accepts(labels) for node in match for matcher in node.matchers)


@given(label_set, label_set, st.lists(st.sampled_from(["a", "b", "..."]), max_size=2, unique=True))
def test_two_alerts_share_a_group_when_they_share_the_labels_it_groups_by(
    labels: label_sets.Labels, other: label_sets.Labels, group_by: list[str]
) -> None:
    node = route.tree(
        Routes.model_validate({"route": {"receiver": "r", "group_by": group_by}, "receivers": [{"name": "r"}]}), BARE
    )
    names = {"a", "b"} if "..." in group_by else set(group_by)
    same = all(label_sets.get(labels, name) == label_sets.get(other, name) for name in names)
    assert (route.group_key(node, labels) == route.group_key(node, other)) == same
