from __future__ import annotations

import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from memmon import labels as label_sets
from memmon.context import Context
from memmon.errors import Transient
from memmon.metrics import service
from memmon.metrics.head import batches, series_index, slot_interval, timestamped
from memmon.metrics.head import ring as rings
from memmon.metrics.head import schema as schemas
from memmon.metrics.head.timestamped import TimestampedStore, TimestampedWrite
from memmon.samples import STALE_BITS, STALE_NAN, Metadata, Sample, Series
from memmon.state import keys
from tests.conftest import Clock

SECOND = 1000
WINDOW = 3600


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """Samples go to Redis only."""
    return sqlite_ctx


@pytest.fixture
def now(clock: Clock) -> int:
    """The time in Unix ms."""
    return round(clock() * 1000)


@pytest.fixture
def store(ctx: Context) -> TimestampedStore:
    return TimestampedStore(service.hot(ctx))


@pytest.fixture
def seen(ctx: Context, now: int) -> Callable[..., list[tuple[int, float]]]:
    """Return (time before now in seconds, value) of the samples of a series."""

    def read(name: str = "m", **pairs: str) -> list[tuple[int, float]]:
        expected = label_sets.of({**pairs, label_sets.NAME: name})
        results = [entry for entry in everything(ctx, name, now) if entry.labels == expected]
        assert len(results) <= 1
        return [
            (int(at - now), value) for entry in results for at, value in zip(entry.times, entry.values, strict=True)
        ]

    return read


def everything(ctx: Context, name: str, now: int) -> list[Series]:
    matchers = (service.Matcher(label_sets.NAME, "=", name),)
    return service.hot(ctx).select(matchers, now - 2 * WINDOW * SECOND, now + batches.FUTURE_MS)


def sample(at: int, value: float, name: str = "m", **pairs: str) -> Sample:
    return Sample(label_sets.of({**pairs, label_sets.NAME: name}), value, at)


def test_samples_come_back_with_their_own_times(store: TimestampedStore, now: int, seen: Callable[..., object]) -> None:
    written = store.write("s", [sample(now - 30_000, 1, a="x"), sample(now - 15_007, 2, a="x"), sample(now, 3)], now)
    assert written == TimestampedWrite(3, 0, {}, {})
    assert seen(a="x") == [(-30_000, 1), (-15_007, 2)]
    assert seen() == [(0, 3)]


def test_they_may_come_in_any_order_and_twice(store: TimestampedStore, now: int, seen: Callable[..., object]) -> None:
    arguments = [sample(now - 15_000 * n, float(n), a="x") for n in (3, 1, 2, 0)]
    for part in (arguments[:2], arguments[1:], arguments, arguments[::-1]):
        assert store.write("s", part, now).folded == 0
    assert seen(a="x") == [(-45_000, 3), (-30_000, 2), (-15_000, 1), (0, 0)]


def test_of_one_slot_the_newest_is_kept_whenever_it_comes(
    store: TimestampedStore, now: int, seen: Callable[..., object]
) -> None:
    slot = now // 10_000 * 10_000 - 20_000
    assert store.write("s", [sample(slot + 5_000, 2)], now) == TimestampedWrite(1, 0, {}, {})
    assert store.write("s", [sample(slot + 4_000, 1)], now) == TimestampedWrite(0, 1, {}, {})
    assert seen() == [(slot + 5_000 - now, 2)]


def test_series_that_come_faster_than_the_slots_get_shorter_ones(
    store: TimestampedStore, now: int, seen: Callable[..., list[tuple[int, float]]]
) -> None:
    folded = [store.write("fast", [sample(now + n * SECOND, float(n))], now + n * SECOND).folded for n in range(60)]
    assert sum(folded) <= 3
    assert [value for _, value in seen()][-50:] == [float(n) for n in range(10, 60)]


def test_one_sample_out_of_turn_does_not_shorten_the_slots(store: TimestampedStore, now: int, ctx: Context) -> None:
    slot = now // 10_000 * 10_000 - 100_000
    for at in (slot, slot + 3_000, slot + 15_000, slot + 30_000):
        store.write("turn", [sample(at, 1)], now)
    assert schema_of(ctx, "turn").slot_ms == 10_000


def test_a_batch_of_fast_samples_is_kept_whole(store: TimestampedStore, now: int, seen: Callable[..., object]) -> None:
    arguments = [sample(now - n * SECOND, float(n)) for n in range(30)]
    assert store.write("s", arguments, now) == TimestampedWrite(30, 0, {}, {})
    assert len(seen()) == 30  # type: ignore[arg-type]


def test_slots_of_a_known_interval_stay(store: TimestampedStore, now: int, ctx: Context) -> None:
    arguments = [sample(now - n * SECOND, float(n)) for n in range(30)]
    written = store.write("known", arguments, now, slot_ms=10_000)
    assert written.accepted + written.folded == 30
    assert schema_of(ctx, "known").slot_ms == 10_000


def test_a_stale_marker_keeps_its_bits(store: TimestampedStore, now: int, ctx: Context) -> None:
    store.write("s", [sample(now, STALE_NAN), sample(now - 15_000, float("nan"))], now)
    [series] = everything(ctx, "m", now)
    assert series.values.view(np.uint64).tolist() == [
        struct.unpack("<Q", struct.pack("<d", float("nan")))[0],
        STALE_BITS,
    ]


def test_too_old_and_too_early_samples_are_refused_and_the_others_kept(
    store: TimestampedStore, now: int, seen: Callable[..., object]
) -> None:
    arguments = [
        sample(now - WINDOW * SECOND - 1, 1),
        sample(now, 2),
        sample(now + batches.FUTURE_MS + 1, 3),
        Sample(label_sets.of({label_sets.NAME: "m"}), 4.0),
    ]
    assert store.write("s", arguments, now) == TimestampedWrite(1, 0, {"out_of_bounds": 3}, {"out_of_bounds": "m"})
    assert seen() == [(0, 2)]


def test_the_oldest_sample_that_is_taken_and_the_earliest_share_no_slot(
    store: TimestampedStore, now: int, seen: Callable[..., list[tuple[int, float]]]
) -> None:
    for slot_ms in slot_interval.SLOTS_MS:
        name = f"m{slot_ms}"
        ends = [sample(now - WINDOW * SECOND, 1, name), sample(now + batches.FUTURE_MS, 2, name)]
        assert store.write("s", ends, now, slot_ms).accepted == 2
        assert [value for _, value in seen(name)] == [1, 2]


def test_what_the_window_has_left_behind_is_written_over(store: TimestampedStore, now: int, ctx: Context) -> None:
    later = now + 2 * WINDOW * SECOND
    for at in range(now, later + 1, 15_000):
        assert store.write("s", [sample(at, 1)], at) == TimestampedWrite(1, 0, {}, {})
    [series] = everything(ctx, "m", later)
    assert np.diff(series.times[series.times >= later - WINDOW * SECOND]).tolist() == [15_000] * (WINDOW // 15)
    size: int = ctx.redis.strlen(keys.hot_ring("s", "m", schema_of(ctx, "s").version))  # type: ignore[assignment]
    assert size <= series_index.size_of(schema_of(ctx, "s"))


def test_members_come_one_after_the_other(store: TimestampedStore, now: int, ctx: Context) -> None:
    for n in range(40):
        store.write("s", [sample(now - 60_000 + n * 1000, float(n), n=str(n))], now)
    actual = {label_sets.get(entry.labels, "n"): entry.values.tolist() for entry in everything(ctx, "m", now)}
    assert actual == {str(n): [float(n)] for n in range(40)}
    entries = ctx.redis.zcard(keys.hot_rings("m"))
    assert entries == 7  # One for each capacity: 1, 2, 4, 8, 16, 32, 64.


def test_writers_at_the_same_time_lose_nothing(ctx: Context, now: int) -> None:
    def send(worker: int) -> int:
        mine = TimestampedStore(service.hot(ctx))
        series = [str(w) for w in (worker, worker + 1, 99)]
        return sum(
            mine.write("s", [sample(now - 15_000 * n, float(n), w=w) for w in series], now).accepted for n in range(10)
        )

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(send, range(4))) == [30] * 4
    actual = {label_sets.get(entry.labels, "w"): sorted(entry.values.tolist()) for entry in everything(ctx, "m", now)}
    assert actual == {w: [float(n) for n in range(10)] for w in ("0", "1", "2", "3", "4", "99")}


def test_series_over_the_limit_are_counted_and_the_others_kept(
    store: TimestampedStore, now: int, monkeypatch: pytest.MonkeyPatch, ctx: Context
) -> None:
    monkeypatch.setattr(timestamped, "MAX_SERIES", 5)
    first = store.write("s", [sample(now, 1, "a", n=str(n)) for n in range(3)], now)
    assert first.refused == {}
    arguments = [sample(now, 1, name, n=str(n)) for name in ("a", "b", "c") for n in range(4)]
    second = store.write("s", arguments, now)
    assert second.refused == {"too_many_series": 8}  # The ring of a has the fifth place to spare.
    assert second.accepted == 4
    assert store.write("other", [sample(now, 1, "c")], now).accepted == 1


def test_a_source_has_no_more_bytes_than_it_may(
    store: TimestampedStore, now: int, monkeypatch: pytest.MonkeyPatch, ctx: Context
) -> None:
    slots = batches.slots_of(10_000, WINDOW * SECOND)
    monkeypatch.setattr(timestamped, "MAX_BYTES", 16 * slots * 3)
    assert store.write("s", [sample(now, 1, n=str(n)) for n in range(8)], now).refused == {"too_many_series": 5}
    fast = [sample(now - n * SECOND, 1, n="0") for n in range(30)]
    assert store.write("s", fast, now).folded > 0  # There is no room for shorter slots.
    assert series_index.size_of(schema_of(ctx, "s")) <= timestamped.MAX_BYTES


def test_names_that_went_make_room_once_their_rings_are_gone(
    store: TimestampedStore, now: int, monkeypatch: pytest.MonkeyPatch, ctx: Context
) -> None:
    monkeypatch.setattr(timestamped, "MAX_SERIES", 3)
    store.write("s", [sample(now, 1, name) for name in ("a", "b", "c")], now)
    assert store.write("s", [sample(now, 1, "d")], now).refused == {"too_many_series": 1}
    # As Redis does when they expire.
    ctx.redis.delete(keys.hot_rings("a"), keys.lease("timed-sweep:s"))
    assert store.write("s", [sample(now, 1, "d")], now).accepted == 1


def test_series_that_went_make_room_after_a_window(store: TimestampedStore, now: int, ctx: Context) -> None:
    store.write("s", [sample(now, 1, pod=str(n)) for n in range(50)], now)
    later = now + WINDOW * SECOND
    store.write("s", [sample(later, 2, pod="0")], later)
    assert len(labels_in(ctx, "s")) == 50
    store.write("s", [sample(later, 2, pod="0"), sample(later, 3, pod="new")], later)
    assert labels_in(ctx, "s") == [(("pod", "0"),), (("pod", "new"),)]
    actual = {label_sets.get(entry.labels, "pod"): entry.values.tolist() for entry in everything(ctx, "m", later)}
    assert actual["new"] == [3.0]
    assert actual["0"] == [1.0, 2.0]
    assert len(actual) == 51


def test_a_process_that_knows_no_schema_reads_them(
    store: TimestampedStore, now: int, seen: Callable[..., object]
) -> None:
    store.write("s", [sample(now, 1)], now)
    schemas._known.clear()
    assert store.write("s", [sample(now - 15_000, 2)], now).accepted == 1
    schemas._known.clear()
    assert seen() == [(-15_000, 2), (0, 1)]


def test_a_ring_whose_members_redis_lost_is_begun_anew(
    store: TimestampedStore, now: int, seen: Callable[..., object]
) -> None:
    store.write("s", [sample(now, 1, n=str(n)) for n in range(3)], now)
    store.write("s", [sample(now, 1, n="3")], now)
    for key in store.redis.scan_iter("*hot:members:*"):
        store.redis.delete(key, key.replace(b"members", b"places"))
    with pytest.raises(Transient, match="change faster"):
        store.write("s", [sample(now, 1, n="4")], now)
    assert store.write("s", [sample(now, 1, n="4")], now).accepted == 1
    assert seen(n="4") == [(0, 1)]


def test_everything_of_a_source_expires(store: TimestampedStore, now: int, ctx: Context) -> None:
    store.write("s", [sample(now, 1), sample(now, 2, "b")], now)
    store.write("s", [sample(now, 1, n="2")], now)
    results = [key for key in ctx.redis.scan_iter("*hot:*") if key != keys.hot_names().encode()]
    assert len(results) >= 6
    for key in results:
        assert 0 < ctx.redis.pttl(key) <= (WINDOW + 900) * SECOND  # type: ignore[operator]


def test_queries_see_them_as_they_see_others(ctx: Context, clock: Clock, now: int) -> None:
    arguments = [sample(now - 15_000 * n, 100.0 - n, "pushed_total", job="j") for n in range(20)]
    service.ingest_timed(ctx, "s", arguments, {"pushed_total": Metadata("counter", "Pushed")})
    [point] = service.instant(ctx, "sum by (job) (increase(pushed_total[2m]))")
    assert point == service.Point((("job", "j"),), pytest.approx(8.0))
    assert service.metadata(ctx)["pushed_total"].kind == "counter"
    assert service.series(ctx, (service.Matcher(label_sets.NAME, "=", "pushed_total"),), clock() - 60, clock()) == [
        label_sets.of({label_sets.NAME: "pushed_total", "job": "j"})
    ]


def schema_of(ctx: Context, source: str, name: str = "m") -> schemas.Schema:
    stored: bytes = ctx.redis.hget(keys.hot_timed(source), name)  # type: ignore[assignment]
    schema = schemas.get(stored.decode().split(":")[0])
    assert schema is not None
    return schema


def labels_in(ctx: Context, source: str) -> list[label_sets.Labels]:
    return [member.labels for member in schema_of(ctx, source).members]


def test_the_writer_leaves_no_gap_between_time_and_value(ctx: Context, now: int) -> None:
    redis: Redis = ctx.redis
    store = TimestampedStore(service.hot(ctx))
    store.write("s", [sample(now, 7.0, a="x")], now)
    schema = schema_of(ctx, "s")
    raw: bytes = redis.get(keys.hot_ring("s", "m", schema.version))  # type: ignore[assignment]
    assert struct.unpack_from("<qd", raw, rings.offset(schema, now // schema.slot_ms)) == (now, 7.0)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 400)), max_size=12),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_comes_the_newest_of_each_series_and_slot_is_there(
    ctx: Context, now: int, requests: list[list[tuple[int, int]]]
) -> None:
    ctx.redis.flushall()
    expected: dict[tuple[str, int], tuple[int, float]] = {}
    for entry in requests:
        given_now = [sample(now - back * 250, float(back), s=str(series)) for series, back in entry]
        TimestampedStore(service.hot(ctx)).write("s", given_now, now, slot_ms=10_000)
        for actual in given_now:
            at = actual.at or 0
            slot = (label_sets.get(actual.labels, "s"), at // 10_000)
            if at >= expected.get(slot, (0, 0.0))[0]:
                expected[slot] = (at, actual.value)
    read = {
        (label_sets.get(series.labels, "s"), at // 10_000): (at, value)
        for series in everything(ctx, "m", now)
        for at, value in zip(series.times.tolist(), series.values.tolist(), strict=True)
    }
    assert read == expected
