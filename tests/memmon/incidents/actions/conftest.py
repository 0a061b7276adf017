"""Calls of actions as an incident makes them."""

from collections.abc import Callable
from typing import Any

import pytest

from memmon.incidents.actions.base import ActionCall

Make = Callable[..., ActionCall]


@pytest.fixture
def call() -> Make:
    """Make calls: call(labels={...}, **parameters)."""

    def make(
        labels: dict[str, str] | None = None, before: dict[str, Any] | None = None, **parameters: Any
    ) -> ActionCall:
        arguments = {"job": "memmimic", "instance": "demo:1"} if labels is None else labels
        return ActionCall(7, arguments, parameters, "7/stage/0", 5.0, before or {})

    return make
