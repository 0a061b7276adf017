import math

import pytest

from memmon import labels
from memmon.context import Context
from memmon.metrics.head import schema, series_layout
from memmon.metrics.head.series_layout import MAX_SERIES, Member
from memmon.metrics.head.store import HeadStore, SlotWrite
from memmon.promql.matcher import Matcher
from memmon.samples import Sample, Series, is_stale

SECOND = 1000


def sample(name: str, value: float, **pairs: str) -> Sample:
    return Sample(labels.of(pairs | {"__name__": name}), value)


def read(store: HeadStore, name: str, start: int = 0, end: int = 10**12, **pairs: str) -> list[Series]:
    matchers = (Matcher("__name__", "=", name), *(Matcher(k, "=", v) for k, v in pairs.items()))
    return sorted(store.select(matchers, start, end), key=lambda s: s.labels)


def write(store: HeadStore, target: str, samples: list[Sample], at: int, slot_ms: int, shard: str = "") -> SlotWrite:
    row = series_layout.row_of(Member(target), samples, at)
    return store.write(shard or target, [row], at // slot_ms, slot_ms)


def store_of(ctx: Context) -> HeadStore:
    return HeadStore(ctx.redis, 60)


def test_what_is_written_reads_back_in_order_of_time(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    for tick in range(5):
        write(store, "a", [sample("x", tick, job="j"), sample("y", 0)], tick * SECOND, SECOND)
    [series] = read(store, "x", start=SECOND)
    assert series.labels == labels.of({"__name__": "x", "job": "j"})
    assert series.times.tolist() == [2000, 3000, 4000]
    assert series.values.tolist() == [2, 3, 4]


def test_the_ring_keeps_just_its_window(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    for tick in range(200):
        write(store, "a", [sample("x", tick)], tick * SECOND, SECOND)
    [series] = read(store, "x", start=140 * SECOND - 1)
    assert series.times.tolist() == [tick * SECOND for tick in range(140, 200)]


def test_a_task_that_runs_twice_changes_nothing(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    for _ in range(2):
        write(store, "a", [sample("x", 1)], 5 * SECOND, SECOND)
    [series] = read(store, "x")
    assert series.values.tolist() == [1]


def test_a_new_label_set_joins_and_one_that_vanishes_goes_stale(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    write(store, "a", [sample("x", 1, p="1")], 1 * SECOND, SECOND)
    write(store, "a", [sample("x", 2, p="1"), sample("x", 7, p="2")], 2 * SECOND, SECOND)
    write(store, "a", [sample("x", 8, p="2")], 3 * SECOND, SECOND)
    first, second = read(store, "x")
    assert first.values[:2].tolist() == [1, 2]
    assert is_stale(float(first.values[2]))
    assert second.values.tolist() == [7, 8]


def test_a_target_that_is_gone_goes_stale_whole(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    write(store, "a", [sample("x", 1), sample("y", 1)], 1 * SECOND, SECOND)
    store.gone("a", 2 * SECOND)
    for name in ("x", "y"):
        [series] = read(store, name)
        assert is_stale(float(series.values[-1]))


def test_targets_that_give_the_same_name_are_read_together(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    write(store, "a", [sample("x", 1, instance="a")], SECOND, SECOND)
    write(store, "b", [sample("x", 2, instance="b")], SECOND, SECOND)
    assert [series.values.tolist() for series in read(store, "x")] == [[1], [2]]
    assert [series.values.tolist() for series in read(store, "x", instance="b")] == [[2]]


def test_a_doubled_label_set_and_those_over_the_cap_are_dropped_and_counted(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    assert write(store, "a", [sample("x", 1), sample("x", 2)], SECOND, SECOND) == (1, {"a": 1})
    amount = [sample("y", 1, n=str(n)) for n in range(MAX_SERIES + 3)]
    assert write(store, "b", amount, SECOND, SECOND) == (MAX_SERIES, {"b": 3})


def test_not_a_number_is_a_value_and_no_staleness(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    write(store, "a", [sample("x", math.nan), sample("y", math.inf)], SECOND, SECOND)
    [series] = read(store, "x")
    assert math.isnan(series.values[0])
    assert not is_stale(float(series.values[0]))
    assert read(store, "y")[0].values.tolist() == [math.inf]


def test_every_key_expires(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    write(store, "a", [sample("x", 1)], SECOND, SECOND)
    lasting = {b"memmon:hot:names"}
    for key in sqlite_ctx.redis.scan_iter("memmon:hot:*"):
        assert key in lasting or sqlite_ctx.redis.pttl(key) > 0, key
    store.forget_old(1000 * SECOND)
    assert store.names() == []


def test_a_part_of_the_window_is_read_also_over_the_end_of_the_ring(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    for tick in range(1, 300):
        write(store, "a", [sample("x", tick)], tick * SECOND, SECOND)
        start = max(0, tick - 20)
        [series] = read(store, "x", start * SECOND, tick * SECOND)
        assert series.values.tolist() == list(range(start + 1, tick + 1))


def test_labels_that_come_and_go_leave_no_old_schemas_behind(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    for tick in range(1, 400):
        write(store, "a", [sample("x", tick, path=str(tick)), sample("y", tick)], tick * SECOND, SECOND)
    rings = list(sqlite_ctx.redis.scan_iter("memmon:hot:ring:a:x:*"))
    # One short slot a tick, no whole ring.
    assert sum(sqlite_ctx.redis.strlen(ring) for ring in rings) < 400 * 1100
    actual = read(store, "x", 350 * SECOND, 399 * SECOND)
    alive = [labels.get(series.labels, "path") for series in actual if not is_stale(float(series.values[-1]))]
    assert alive == ["399"]  # Each of the others is marked stale, also where its column was let go.
    [y] = read(store, "y", 340 * SECOND, 399 * SECOND)
    assert len(y.times) == 59


def test_a_shape_that_comes_back_has_both_its_stretches(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    for tick, slot in ((1, SECOND), (2, SECOND), (3, 2 * SECOND), (5, 2 * SECOND), (7, SECOND)):
        write(store, "a", [sample("x", tick)], tick * SECOND, slot)
    [series] = read(store, "x")
    assert series.values.tolist() == [1, 2, 3, 5, 7]


def test_many_names_are_read_in_few_round_trips(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    write(store, "a", [sample(f"x{n}", n) for n in range(300)], SECOND, SECOND)
    pattern = (Matcher("__name__", "=~", "x.*"),)
    before = sqlite_ctx.redis.info("stats")["total_commands_processed"]
    assert len(store.select(pattern, 0, 2 * SECOND)) == 300
    commands = sqlite_ctx.redis.info("stats")["total_commands_processed"] - before
    assert commands < 3 * 300 + 20


def test_label_sets_are_known_without_reading_a_sample(sqlite_ctx: Context) -> None:
    store = store_of(sqlite_ctx)
    write(store, "a", [sample("x", 1, p="1"), sample("y", 1, p="2")], 5 * SECOND, SECOND)
    assert store.label_sets((), 0) == {labels.of(__name__="x", p="1"), labels.of(__name__="y", p="2")}
    assert store.label_sets((Matcher("p", "=", "2"),), 0) == {labels.of(__name__="y", p="2")}
    assert store.label_sets((), 6 * SECOND) == set()


def test_a_process_that_forgets_schemas_reads_them_again(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MAX_KNOWN", 2)
    store = store_of(sqlite_ctx)
    for tick in (1, 2):
        write(store, "a", [sample(f"x{n}", tick, n=str(n)) for n in range(20)], tick * SECOND, SECOND)
    select = store.select((Matcher("__name__", "=~", "x.*"),), 0, 9 * SECOND)
    assert [series.values.tolist() for series in select] == [[1, 2]] * 20
