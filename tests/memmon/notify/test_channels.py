"""Each channel that speaks HTTP against a real server, with what the service is documented to want
and to answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memmon.config.receivers import AppriseConfig, Global, PagerDutyConfig, SlackConfig, TeamsConfig, WebhookConfig
from memmon.errors import Permanent, Transient
from memmon.notify.channels import apprise, msteams, pagerduty, slack, webhook
from memmon.notify.channels.base import Message, RateLimited
from memmon.settings import load
from tests.memmon.notify.conftest import Hook
from tests.memmon.notify.sample import PAGE, message

SETTINGS = load({"MEMMON_HOME": "/nowhere"})


def to_slack(hook: Hook, message: Message, **config: Any) -> dict[str, Any]:
    slack.send(SlackConfig.model_validate({"api_url": hook.url, **config}), message, SETTINGS, Global())
    return hook.bodies[-1]


def to_pagerduty(hook: Hook, message: Message, **config: Any) -> dict[str, Any]:
    hook.answers = [(202, {})]
    model = PagerDutyConfig.model_validate({"routing_key": "R", **config})
    pagerduty.send(model, message, SETTINGS, Global(pagerduty_url=hook.url))
    return hook.bodies[-1]


def test_slack_gets_one_attachment_in_the_colour_of_the_state(hook: Hook) -> None:
    body = to_slack(hook, message(), channel="#ops", fields=[{"title": "Zone", "value": "{{ .CommonLabels.zone }}"}])
    [attachment] = body["attachments"]
    assert (body["channel"], body["username"]) == ("#ops", "memmon")
    assert (attachment["title"], attachment["color"], attachment["title_link"]) == (
        "[FIRING:1] hot",
        "danger",
        "http://m/dashboard",
    )
    assert attachment["fields"] == [{"title": "Zone", "value": "a", "short": False}]
    assert "- [critical] hot is up" in attachment["text"]
    assert to_slack(hook, message("resolved"))["attachments"][0]["color"] == "good"


def test_slack_hears_of_incidents_in_their_own_words(hook: Hook) -> None:
    [attachment] = to_slack(hook, PAGE)["attachments"]
    assert (attachment["title"], attachment["text"]) == (PAGE.subject, PAGE.text)


def test_slacks_address_may_be_that_of_all_receivers(hook: Hook, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(hook.url)
    slack.send(SlackConfig(), message(), SETTINGS, Global(slack_api_url_file=tmp_path / "url"))
    slack.send(SlackConfig(), message(), SETTINGS, Global(slack_api_url=hook.url))
    assert len(hook.bodies) == 2


@pytest.mark.parametrize(
    ("status", "failure"), [(429, RateLimited), (500, Transient), (403, Permanent), (404, Permanent)]
)
def test_what_slack_and_pagerduty_answer_is_honoured(hook: Hook, status: int, failure: type[Exception]) -> None:
    for send in (
        to_slack,
        lambda h, m: pagerduty.send(PagerDutyConfig(routing_key="R"), m, SETTINGS, Global(pagerduty_url=h.url)),
    ):
        hook.answers = [(status, {"Retry-After": "7"} if status == 429 else {})]
        with pytest.raises(failure):
            send(hook, message())


def test_slack_says_in_a_200_what_is_wrong(hook: Hook) -> None:
    hook.said = json.dumps({"ok": False, "error": "channel_not_found"}).encode()
    with pytest.raises(Permanent, match="channel_not_found"):
        to_slack(hook, message())


def test_pagerduty_gets_a_trigger_and_its_end_under_the_same_key(hook: Hook) -> None:
    event = to_pagerduty(
        hook, message(), details={"zone": "{{ .GroupLabels.zone }}"}, links=[{"href": "http://x", "text": "x"}]
    )
    assert (event["routing_key"], event["event_action"]) == ("R", "trigger")
    assert event["payload"]["severity"] == "critical"
    assert (event["payload"]["summary"], event["payload"]["source"]) == ("[FIRING:1] hot", "memmon")
    assert event["payload"]["custom_details"] == {
        "firing": "- [critical] hot is up\n",
        "num_firing": "1",
        "num_resolved": "1",
        "zone": "a",
    }
    assert event["links"] == [{"href": "http://x", "text": "x"}]
    assert len(event["dedup_key"]) == 64
    ended = to_pagerduty(hook, message("resolved"))
    assert (ended["event_action"], ended["dedup_key"]) == ("resolve", event["dedup_key"])
    assert "payload" not in ended


def test_pagerduty_hears_that_somebody_cares(hook: Hook) -> None:
    assert to_pagerduty(hook, message(reason="acknowledged by a person"))["event_action"] == "acknowledge"


def test_pagerduty_hears_of_an_incident_under_its_own_key(hook: Hook) -> None:
    event = to_pagerduty(hook, PAGE)
    assert (event["payload"]["summary"], event["payload"]["severity"]) == (PAGE.subject, "error")
    assert event["dedup_key"] != to_pagerduty(hook, message())["dedup_key"]


def test_teams_gets_an_adaptive_card(hook: Hook) -> None:
    msteams.send(TeamsConfig(webhook_url=hook.url), message(), SETTINGS, Global())
    [attachment] = hook.bodies[0]["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    title, text = attachment["content"]["body"]
    assert (title["text"], title["color"]) == ("[FIRING:1] hot", "Attention")
    assert "hot is up" in text["text"]


def test_apprise_reaches_any_of_its_services(hook: Hook) -> None:
    url = hook.url.replace("http://", "json://")
    apprise.send(AppriseConfig(url=url), message(), SETTINGS, Global())
    assert (hook.bodies[0]["title"], hook.bodies[0]["type"]) == ("[FIRING:1] hot", "warning")
    hook.answers = [(500, {})]
    with pytest.raises(Transient, match="could not send it"):
        apprise.send(AppriseConfig(url=url), message(), SETTINGS, Global())
    with pytest.raises(Permanent, match="knows no service"):
        apprise.send(AppriseConfig(url="nonsense://x"), message(), SETTINGS, Global())


def test_a_webhook_may_say_its_own_payload_as_opsgenie_wants_it(hook: Hook) -> None:
    local = {
        "message": '{{ template "__subject" . }}',
        "alias": "{{ .GroupLabels.zone }}",
        "details": {"zone": "{{ .CommonLabels.zone }}"},
        "tags": ["memmon", "{{ .Status }}"],
        "priority": 1,
    }
    config = WebhookConfig.model_validate({"url": hook.url, "payload": local})
    webhook.send(config, message(), SETTINGS, Global())
    assert hook.bodies == [
        {
            "message": "[FIRING:1] hot",
            "alias": "a",
            "details": {"zone": "a"},
            "tags": ["memmon", "firing"],
            "priority": 1,
        }
    ]


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ({"basic_auth": {"username": "u", "password": "p"}}, "Basic dTpw"),
        ({"bearer_token": "t"}, "Bearer t"),
        ({"authorization": {"type": "GenieKey", "credentials": "k"}}, "GenieKey k"),
        ({"http_headers": {"Authorization": {"values": ["own"]}}}, "own"),
    ],
)
def test_a_receiver_is_told_who_asks(hook: Hook, http: dict[str, Any], expected: str) -> None:
    to_slack(hook, message(), http_config=http)
    assert hook.headers[0]["authorization"] == expected


def test_what_all_receivers_have_in_common_stands_in_global(hook: Hook) -> None:
    defaults = Global.model_validate({"http_config": {"bearer_token": "all"}})
    webhook.send(WebhookConfig(url=hook.url), message(), SETTINGS, defaults)
    assert hook.headers[0]["authorization"] == "Bearer all"
