from __future__ import annotations

import email.utils
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from memmon.config.receivers import Global, WebhookConfig
from memmon.errors import MemmonError, Permanent, Transient
from memmon.notify.channels import http, webhook
from memmon.notify.channels.base import Message, RateLimited
from memmon.outbound import Response
from memmon.settings import load
from tests.memmon.notify.conftest import Hook
from tests.memmon.routing.tables import table
from tests.support import free_port

ALERTS = [{"status": "firing", "n": n} for n in range(3)]
MESSAGE = Message(
    "s", "the text", {"id": 'a{b="é"}', "kind": "alert", "text": "the text", "status": "firing", "alerts": ALERTS}
)


def send(url: str | None, environ: dict[str, str] | None = None, **config: Any) -> str:
    settings = load({"MEMMON_HOME": "/x", **(environ or {})})
    return webhook.send(WebhookConfig.model_validate({"url": url, **config}), MESSAGE, settings, Global())


def test_the_payload_is_posted_as_json_with_text_as_slack_wants_it(hook: Hook) -> None:
    assert send(hook.url) == "200 <said>"
    [body] = hook.bodies
    assert (body["text"], body["kind"], body["version"]) == ("the text", "alert", "4")
    assert [entry["n"] for entry in body["alerts"]] == [0, 1, 2]
    assert hook.headers[0]["content-type"] == "application/json"
    assert hook.headers[0]["idempotency-key"] == 'a{b="?"}'


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (301, Permanent),
        (400, Permanent),
        (401, Permanent),
        (404, Permanent),
        (410, Permanent),
        (408, Transient),
        (429, Transient),
        (500, Transient),
        (503, Transient),
    ],
)
def test_5xx_and_429_are_worth_another_try_and_other_4xx_are_not(
    hook: Hook, status: int, failure: type[MemmonError]
) -> None:
    hook.answers = [(status, {})]
    with pytest.raises(failure, match=f"^{status} <said>"):
        send(hook.url)


@pytest.mark.parametrize("row", table("dedup", "status_codes"))
def test_alertmanager_tries_again_for_the_same_answers(row: dict[str, Any]) -> None:
    with nullcontext() if row["ok"] else pytest.raises(Transient if row["retry"] else Permanent):
        http.judge(Response(row["status"], {}, b""), frozenset(row["retry_codes"]))


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("Retry-After", "30", 30),
        ("retry-after", "30", 30),
        ("Retry-After", "99999", 600),
        ("Retry-After", "-5", 0),
        ("Retry-After", "\xb2", 0),
        ("Retry-After", "soon", 0),
    ],
)
def test_a_receiver_that_asks_for_time_says_how_much(hook: Hook, name: str, value: str, seconds: float) -> None:
    hook.answers = [(503, {name: value})]
    with pytest.raises(RateLimited) as caught:
        send(hook.url)
    assert caught.value.retry_after == seconds


def test_it_may_say_so_as_a_date(hook: Hook) -> None:
    hook.answers = [(429, {"Retry-After": email.utils.formatdate(time.time() + 60, usegmt=True)})]
    with pytest.raises(RateLimited) as caught:
        send(hook.url)
    assert 55 < caught.value.retry_after <= 60


def test_a_receiver_that_is_away_or_hangs_is_worth_another_try(hook: Hook) -> None:
    with pytest.raises(Transient):
        send(f"http://127.0.0.1:{free_port()}/secret")
    hook.free.clear()
    with pytest.raises(Transient, match=r"no answer within 0\.2 s"):
        send(hook.url, timeout=0.2)


def test_the_path_of_an_address_which_is_often_a_secret_is_in_no_error() -> None:
    with pytest.raises(Transient) as caught:
        send(f"http://127.0.0.1:{free_port()}/services/T0/SECRET")
    assert "SECRET" not in str(caught.value)


HEADERS = {"MEMMIMIC_WEBHOOK_HEADERS": '{"X-Team": "night"}'}


def test_the_environments_headers_go_to_its_webhook_alone(hook: Hook) -> None:
    send(hook.url, HEADERS | {"MEMMIMIC_WEBHOOK_URL": hook.url})
    send(hook.url, HEADERS | {"MEMMIMIC_ALERT_WEBHOOK": hook.url})
    send(hook.url, HEADERS | {"MEMMIMIC_WEBHOOK_URL": "http://other", "MEMMIMIC_ALERT_WEBHOOK": hook.url})
    send(hook.url, HEADERS)
    assert ["x-team" in headers for headers in hook.headers] == [True, True, False, False]


def test_the_routes_say_headers_and_how_to_log_in(hook: Hook, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    login = {"credentials_file": str(tmp_path / "token")}
    send(hook.url, http_config={"headers": {"X-Own": "1"}, "authorization": login})
    assert (hook.headers[0]["x-own"], hook.headers[0]["authorization"]) == ("1", "Bearer secret")
    with pytest.raises(Permanent, match="cannot be read"):
        send(hook.url, http_config={"authorization": {"credentials_file": "/none"}})


def test_an_address_may_stand_in_a_file(hook: Hook, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{hook.url}\n")
    send(None, url_file=str(tmp_path / "url"))
    assert len(hook.bodies) == 1


def test_no_more_alerts_are_sent_than_the_receiver_takes(hook: Hook) -> None:
    send(hook.url, max_alerts=2)
    [body] = hook.bodies
    assert (len(body["alerts"]), body["truncated_alerts"], body["truncatedAlerts"]) == (2, 1, 1)
