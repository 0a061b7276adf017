import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.actions import collect_evidence
from tests.memmon.incidents.actions.conftest import Make
from tests.memmon.incidents.conftest import Endpoint

TARGETS = """
targets:
  - {name: demo, instance: demo:1, database: /nonexistent, client: {url: '%s/-/memmon', token: t}}
"""


def evidence_path(ctx: Context, output: str) -> Path:
    match = re.match(r"kept (evidence/[^;]+)", output)
    assert match
    return ctx.settings.home / match.group(1)


def test_everything_that_is_known_is_kept_for_memmons_user_only(
    configure: Callable[..., Context], call: Make, endpoint: Endpoint
) -> None:
    ready = configure(targets=TARGETS % endpoint.url)
    ready.settings.log_path.write_text("an earlier line\nthe last line\n")
    alerts.raise_event(ready, "trouble", "error", {"instance": "demo:1"}, {"summary": "s"}, 60)
    path = evidence_path(ready, collect_evidence.act(ready, call()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    actual = json.loads(path.read_text())
    assert [alert["name"] for alert in actual["alerts"]] == ["trouble"]
    assert actual["log"][-1] == "the last line"
    assert actual["client"] == {"demo": {"cleared": 3, "pid": 1}}
    assert {"metrics", "health", "targets", "events"} <= set(actual)


def test_a_part_that_cannot_be_had_is_said_and_the_rest_kept(
    configure: Callable[..., Context], call: Make, endpoint: Endpoint
) -> None:
    ready = configure(targets=TARGETS % endpoint.url)
    endpoint.status = 500
    jobs = collect_evidence.act(ready, call(include=["client", "alerts", "log"]))
    assert jobs.endswith("unavailable: client, log")
    assert json.loads(evidence_path(ready, jobs).read_text())["client"] == {"missing": "demo: 500"}


def test_an_unknown_part_is_named(configure: Callable[..., Context], call: Make) -> None:
    with pytest.raises(Permanent, match="include: secrets is not one of"):
        collect_evidence.act(configure(), call(include=["secrets"]))


def test_a_full_disk_is_worth_another_try(configure: Callable[..., Context], call: Make) -> None:
    ready = configure()
    (ready.settings.home / "evidence").write_text("in the way")
    with pytest.raises(Transient, match="cannot be written"):
        collect_evidence.act(ready, call(include=["alerts"]))


def test_what_goes_wrong_in_one_part_as_nobody_foresaw_costs_no_other(
    configure: Callable[..., Context], call: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = configure()

    def odd(*_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setitem(collect_evidence.PARTS, "health", odd)
    jobs = collect_evidence.act(ready, call(include=["health", "alerts"]))
    assert json.loads(evidence_path(ready, jobs).read_text())["health"] == {"missing": "odd"}
