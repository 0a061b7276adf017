from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.controls import http
from memmon.incidents.controls.base import ControlledComponent
from tests.memmon.incidents.controls.conftest import Engine


def test_an_endpoint_is_told_what_to_do_and_by_which_action(
    sqlite_ctx: Context, engines: Callable[..., Engine], part: Callable[..., ControlledComponent]
) -> None:
    size = [2]

    def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "POST" and body["action"] == "scale":
            size[0] = body["replicas"]
        return 200, {"replicas": size[0]}

    engine = engines(answer)
    api = part(control="http", unit=f"{engine.url}/api")
    assert http.restart(sqlite_ctx, api) == "restart endpoint answered 200"
    assert http.resize(sqlite_ctx, api, 4) == "scaled api of demo: 2 -> 4"
    assert http.size(sqlite_ctx, api) == 4
    assert [body for *_, body in engine.asked] == [
        {"action": "restart"}, None, {"action": "scale", "replicas": 4}, None
    ]  # fmt: skip
    assert {headers["Idempotency-Key"] for _, _, headers, _ in engine.asked} == {"7/act/0"}


def test_one_that_does_not_say_how_many_there_are_cannot_be_scaled(
    sqlite_ctx: Context, engines: Callable[..., Engine], part: Callable[..., ControlledComponent]
) -> None:
    with pytest.raises(Permanent, match="does not say how many"):
        http.size(sqlite_ctx, part(control="http", unit=engines(lambda *_: (200, {"ok": True})).url))
