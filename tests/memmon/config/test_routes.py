from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from memmon.config.document import read
from memmon.config.receivers import HttpConfig, Receiver
from memmon.config.routes import Route, Routes
from memmon.errors import BadConfig
from memmon.routing import route
from memmon.settings import load
from tests.memmon.routing.tables import table

BARE = load({"MEMMON_HOME": "/nowhere"})


@pytest.mark.parametrize("row", table("config", "cases"))
def test_alertmanager_accepts_the_same_files(row: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "routes.yml"
    path.write_text(row["yaml"])
    with nullcontext() if row["valid"] else pytest.raises(BadConfig):
        route.check(read(path, Routes), BARE)


def test_numbers_and_truths_are_the_text_that_stands_there_where_a_label_is_compared() -> None:
    assert Route.model_validate({"match": {"code": 500, "ok": True}}).match == {"code": "500", "ok": "true"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"follow_redirects": True}, "follow_redirects"),
        ({"bearer_token": "a", "basic_auth": {"username": "b"}}, "at most one of"),
        ({"tls_config": {"cert_file": "/a"}}, "key_file"),
        ({"proxy_url": "socks5://a"}, "proxy_url"),
    ],
)
def test_what_no_request_could_honour_is_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        HttpConfig.model_validate(arguments)


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        ("webhook", {"url": "http://a", "url_file": "/b"}, "exactly one of url and url_file"),
        ("slack", {"api_url": "http://a", "api_url_file": "/b"}, "at most one of api_url"),
        ("pagerduty", {"url": "http://a"}, "exactly one of routing_key"),
        ("pagerduty", {"service_key": "a"}, "service_key"),
        ("msteamsv2", {}, "exactly one of webhook_url"),
        ("apprise", {}, "exactly one of url and url_file"),
        ("opsgenie", {"api_key": "a"}, "opsgenie_configs"),
    ],
)
def test_a_channel_without_its_address_or_of_a_kind_that_is_not_known_is_refused(
    kind: str, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        Receiver.model_validate({"name": "a", f"{kind}_configs": [arguments]})
