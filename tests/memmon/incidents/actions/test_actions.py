"""Actions of other packages, by their entry points."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from memmon.incidents import actions
from memmon.incidents.actions.base import Action

THEIRS = Action(lambda ctx, call: "sung")


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    here = __name__
    results = [
        EntryPoint("sing", f"{here}:THEIRS", actions.GROUP),
        EntryPoint("restart", f"{here}:THEIRS", actions.GROUP),
        EntryPoint("odd", f"{here}:__doc__", actions.GROUP),
        EntryPoint("broken", "no.such.package:action", actions.GROUP),
    ]
    monkeypatch.setattr(actions, "entry_points", lambda group: results)
    actions.entry_point_actions.cache_clear()
    yield
    actions.entry_point_actions.cache_clear()


@pytest.mark.usefixtures("points")
def test_another_package_adds_an_action_and_none_takes_the_place_of_memmons() -> None:
    assert actions.get("sing") is THEIRS
    assert actions.get("restart") is actions.ACTIONS["restart"]
    assert "sing" in actions.names()


@pytest.mark.usefixtures("points")
def test_what_is_no_action_or_cannot_be_loaded_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    assert set(actions.entry_point_actions()) == {"sing"}
    for words in ("the action odd of", "the action broken of", "the action restart of"):
        assert words in caplog.text
