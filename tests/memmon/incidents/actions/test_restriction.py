from collections.abc import Callable

import pytest

from memmon import encode
from memmon.context import Context
from memmon.errors import Permanent, Refused, Transient
from memmon.incidents.actions import block_ip, clear_cache, disable_feature, isolate, throttle
from memmon.security import service as security
from tests.memmon.incidents.actions.conftest import Make
from tests.memmon.incidents.conftest import TOKEN, Endpoint
from tests.support import free_port

TARGETS = """
targets:
  - {name: demo, instance: demo:1, database: /nonexistent, client: {url: '%s/-/memmon', token: %s}}
  - {name: mute, instance: mute:1, database: /nonexistent}
"""


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    return configure(targets=TARGETS % (endpoint.url, TOKEN))


def test_a_block_is_told_to_the_clients_and_says_who_enforces_it(
    ready: Context, call: Make, endpoint: Endpoint
) -> None:
    jobs = block_ip.act(ready, call(address="203.0.113.9", seconds=60))
    assert jobs.startswith("block 203.0.113.9 until ")
    assert jobs.endswith("enforced by demo")
    method, path, body = endpoint.calls[-1]
    assert (method, path) == ("PUT", "/-/memmon/restrictions")
    assert [entry["address"] for entry in body["blocked"]] == ["203.0.113.9"]
    assert endpoint.headers[-1]["Authorization"] == f"Bearer {TOKEN}"
    [stored] = security.restrictions(ready)
    assert stored["incident_id"] == 7


def test_a_block_is_as_long_as_the_detector_says_that_found_it(ready: Context, call: Make) -> None:
    actual = {"alertname": "brute_force_attack", "source_ip": "203.0.113.9"}
    block_ip.act(ready, call(labels=actual, address="203.0.113.9"))
    [stored] = security.restrictions(ready)
    lasts = encode.seconds_of(stored["until"]) - encode.seconds_of(stored["created_at"])
    detector = next(detector for detector in ready.config.detectors.detectors if detector.name == "brute_force_attack")
    assert lasts == detector.block_for


def test_doing_it_twice_is_one_block(ready: Context, call: Make) -> None:
    for _ in range(2):
        block_ip.act(ready, call(address="203.0.113.9"))
    assert len(security.restrictions(ready)) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_an_address_that_must_never_be_blocked_is_refused(ready: Context, call: Make, address: str) -> None:
    with pytest.raises(Refused):
        block_ip.act(ready, call(address=address))
    assert security.restrictions(ready) == []


def test_throttle_and_disable_are_for_the_incidents_target(ready: Context, call: Make, endpoint: Endpoint) -> None:
    throttle.act(ready, call(per_minute=10, endpoint="/search"))
    disable_feature.act(ready, call(feature="search"))
    body = endpoint.calls[-1][2]
    assert [(t["subject"], t["endpoint"], t["per_minute"]) for t in body["throttled"]] == [("*", "/search", 10)]
    assert [entry["feature"] for entry in body["disabled"]] == ["search"]
    assert {restriction["target"] for restriction in security.restrictions(ready)} == {"demo"}


def test_a_client_that_does_not_answer_is_worth_another_try(ready: Context, call: Make, endpoint: Endpoint) -> None:
    endpoint.status = 503
    with pytest.raises(Transient, match="demo: 503"):
        block_ip.act(ready, call(address="203.0.113.9"))


def test_what_nobody_enforces_is_no_success(configure: Callable[..., Context], call: Make) -> None:
    ready = configure(targets="targets: [{name: mute, instance: mute:1, database: /nonexistent}]")
    with pytest.raises(Permanent, match="no target has a client"):
        block_ip.act(ready, call(address="203.0.113.9"))


def test_a_missing_or_wrong_parameter_is_named(ready: Context, call: Make) -> None:
    with pytest.raises(Permanent, match="parameter address is missing"):
        block_ip.act(ready, call())
    with pytest.raises(Permanent, match="subject: 'nonsense'"):
        block_ip.act(ready, call(address="nonsense"))
    with pytest.raises(Permanent, match="parameter seconds must be a number"):
        block_ip.act(ready, call(address="203.0.113.9", seconds="long"))
    with pytest.raises(Permanent, match="seconds"):
        block_ip.act(ready, call(address="203.0.113.9", seconds=-1))


def test_the_cache_of_the_target_is_cleared(ready: Context, call: Make, endpoint: Endpoint) -> None:
    assert clear_cache.act(ready, call()) == "demo cleared 3 entries"
    assert endpoint.paths() == ["POST /-/memmon/cache/clear"]


def test_an_incident_of_the_host_clears_every_cache(ready: Context, call: Make) -> None:
    host = {"job": "host", "instance": "test"}
    assert clear_cache.act(ready, call(labels=host)) == "demo cleared 3 entries"


def test_a_target_without_client_says_so(ready: Context, call: Make) -> None:
    with pytest.raises(Permanent, match="mute has no client"):
        clear_cache.act(ready, call(labels={"instance": "mute:1"}))


def test_a_client_that_does_not_answer_keeps_no_other_cache_from_being_cleared(
    configure: Callable[..., Context], call: Make, endpoint: Endpoint
) -> None:
    dead = (
        f"  - {{name: dead, instance: a:1, database: /x, client: {{url: 'http://127.0.0.1:{free_port()}', token: t}}}}"
    )
    live = f"  - {{name: live, instance: b:1, database: /x, client: {{url: '{endpoint.url}', token: t}}}}"
    ready = configure(targets=f"targets:\n{dead}\n{live}\n")
    with pytest.raises(Transient, match="127.0.0.1"):
        clear_cache.act(ready, call(labels={}))
    assert endpoint.paths() == ["POST /cache/clear"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan"])
def test_a_number_that_is_none_is_named(ready: Context, call: Make, value: object) -> None:
    with pytest.raises(Permanent, match="parameter per_minute must be a number"):
        throttle.act(ready, call(per_minute=value))


def test_an_isolated_target_answers_nobody_and_no_other_one_is_meant(
    ready: Context, call: Make, endpoint: Endpoint
) -> None:
    assert "enforced by demo" in isolate.act(ready, call(seconds=60))
    assert endpoint.calls[-1][2]["disabled"] == [
        {"feature": "*", "until": endpoint.calls[-1][2]["disabled"][0]["until"]}
    ]
    with pytest.raises(Permanent, match="no target is"):
        isolate.act(ready, call(labels={}))
    with pytest.raises(Permanent, match="that is what isolate is for"):
        disable_feature.act(ready, call(feature="*"))


def test_what_an_incident_has_forbidden_is_taken_back_and_what_was_there_before_stays(
    ready: Context, call: Make, endpoint: Endpoint
) -> None:
    security.restrict(ready, "block", "203.0.113.1", 600, "by hand", "dana")
    for address in ("203.0.113.1", "203.0.113.2"):
        block_ip.act(ready, call(address=address))
    assert "was not ours" in block_ip.undo(ready, call(address="203.0.113.1"))
    assert block_ip.undo(ready, call(address="203.0.113.2")) == "lifted block of 203.0.113.2"
    assert [entry["address"] for entry in endpoint.calls[-1][2]["blocked"]] == ["203.0.113.1"]
    throttle.act(ready, call(per_minute=10))
    assert throttle.undo(ready, call(per_minute=10)) == "lifted throttle of *"
    isolate.act(ready, call())
    assert isolate.undo(ready, call()) == "lifted disable of *"
    disable_feature.act(ready, call(feature="search"))
    assert disable_feature.undo(ready, call(feature="search")) == "lifted disable of search"
    assert [restriction["kind"] for restriction in security.restrictions(ready)] == ["block"]
