import time

import pytest
from redis import Redis

from memmon.context import Context
from memmon.errors import Transient
from memmon.samples import Sample
from memmon.state import client, counters, heartbeat, lease, live


@pytest.fixture
def redis(sqlite_ctx: Context) -> Redis:
    return sqlite_ctx.redis


@pytest.fixture
def away() -> Redis:
    """A Redis where nobody listens."""
    return client.connect("redis://127.0.0.1:1/0")


def test_a_lease_has_one_holder(redis: Redis) -> None:
    assert lease.claim(redis, "x", 10)
    assert not lease.claim(redis, "x", 10)
    lease.release(redis, "x")
    assert lease.claim(redis, "x", 10)


def test_a_lease_that_is_renewed_lasts_from_then_on(redis: Redis) -> None:
    assert lease.claim(redis, "x", 1)
    lease.renew(redis, "x", 60)
    assert redis.pttl("memmon:lease:x") > 50_000
    lease.renew(redis, "nobody's", 60)
    assert lease.claim(redis, "nobody's", 1)


def test_a_period_is_claimed_once_and_the_next_one_anew(redis: Redis) -> None:
    now = time.time() // 10 * 10
    assert lease.claim_period(redis, "tick", 10, now + 1)
    assert not lease.claim_period(redis, "tick", 10, now + 8.9)
    assert lease.claim_period(redis, "tick", 10, now + 11)


def test_counters_add_up_by_label_set(redis: Redis) -> None:
    counters.add(redis, "x_total", {"a": "1"})
    counters.add(redis, "x_total", {"a": "1"}, 2)
    counters.add(redis, "x_total", {"a": "2"})
    assert sorted(counters.read(redis)) == [
        Sample((("__name__", "x_total"), ("a", "1")), 3.0),
        Sample((("__name__", "x_total"), ("a", "2")), 1.0),
    ]


def test_an_observation_falls_into_its_bucket_and_all_wider_ones(redis: Redis) -> None:
    counters.observe(redis, "t_seconds", {}, 0.3)
    actual = {sample.labels: sample.value for sample in counters.read(redis)}
    bounds = {dict(key)["le"] for key in actual if dict(key)["__name__"] == "t_seconds_bucket"}
    assert "0.25" not in bounds
    assert {"0.5", "60", "+Inf"} <= bounds
    assert actual[(("__name__", "t_seconds_sum"),)] == pytest.approx(0.3)


def test_the_last_run_of_a_component_is_kept(redis: Redis) -> None:
    heartbeat.beat(redis, "health_monitor", "ok", 5.0, checks=3)
    assert heartbeat.read(redis)["health_monitor"] == {"status": "ok", "last_run": 5.0, "checks": 3}


def test_what_is_published_is_heard(redis: Redis) -> None:
    listener = redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("memmon:live:alerts")
    listener.get_message(timeout=1)
    live.publish(redis, "alerts", {"id": 1})
    message = listener.get_message(timeout=2)
    assert message is not None
    assert message["data"] == b'{"id": 1}'


def test_redis_away_fails_a_lease_but_never_the_work_that_is_counted(away: Redis) -> None:
    counters.add(away, "x_total")
    live.publish(away, "alerts", {})
    with pytest.raises(Transient, match="redis"):
        lease.claim(away, "x", 1)
