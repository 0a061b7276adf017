from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.context import Context
from memmon.errors import BadInput, Transient
from memmon.metrics import service as metrics
from memmon.push import otlp, service
from memmon.push.group import Inconsistent, PushGroup
from memmon.settings import load
from memmon.state import counters
from tests.conftest import Clock
from tests.memmon.push.requests import about, packed, series

JOB = {"job": "backup", "instance": "a"}


def put(ctx: Context, text: str, labels: dict[str, str] = JOB, replaces: bool = True) -> None:
    service.put(ctx, labels, text.encode(), replaces)


def values_by_series(ctx: Context, expr: str) -> dict[str, float]:
    return {label_sets.show(point.labels): point.value for point in metrics.instant(ctx, expr)}


def refused(ctx: Context) -> dict[str, float]:
    actual = {label_sets.show(sample.labels): sample.value for sample in counters.read(ctx.redis)}
    return {name: value for name, value in actual.items() if name.startswith("memmon_push_refused_total")}


def test_a_push_can_be_asked_for_at_once(ctx: Context, clock: Clock) -> None:
    put(ctx, "# HELP rows Rows\n# TYPE rows gauge\nrows 3\n")
    assert values_by_series(ctx, "rows") == {'rows{instance="a",job="backup"}': 3.0}
    assert values_by_series(ctx, "push_time_seconds") == {'push_time_seconds{instance="a",job="backup"}': clock()}
    assert values_by_series(ctx, "push_failure_time_seconds") == {
        'push_failure_time_seconds{instance="a",job="backup"}': 0.0
    }
    assert metrics.metadata(ctx)["rows"].help == "Rows"


def test_a_group_stays_visible_for_as_long_as_it_is_there(ctx: Context, clock: Clock) -> None:
    put(ctx, "rows 3\n")
    for _ in range(20):
        clock.move(60)
        assert service.replay(ctx, clock()) == 3
        assert values_by_series(ctx, "rows") == {'rows{instance="a",job="backup"}': 3.0}
    [pushed] = values_by_series(ctx, "time() - push_time_seconds").values()
    assert pushed == 1200


def test_a_doubled_tick_shows_groups_once(ctx: Context, clock: Clock) -> None:
    put(ctx, "rows 3\n")
    clock.move(60)
    assert [service.replay(ctx, clock()) for _ in range(3)] == [3, 0, 0]


def test_without_groups_a_tick_does_nothing(ctx: Context, clock: Clock) -> None:
    assert service.replay(ctx, clock()) == 0
    assert metrics.hot(ctx).names() == []


def test_put_takes_away_what_it_does_not_give(ctx: Context, clock: Clock) -> None:
    put(ctx, "rows 3\nsize 4\n")
    clock.move(3)
    put(ctx, "rows 5\n")
    assert values_by_series(ctx, "rows") == {'rows{instance="a",job="backup"}': 5.0}
    assert values_by_series(ctx, "size") == {}


def test_post_leaves_other_names(ctx: Context, clock: Clock) -> None:
    put(ctx, 'rows{t="x"} 3\nsize 4\n')
    clock.move(3)
    put(ctx, 'rows{t="y"} 5\n', replaces=False)
    assert values_by_series(ctx, "rows") == {'rows{instance="a",job="backup",t="y"}': 5.0}
    assert values_by_series(ctx, "size") == {'size{instance="a",job="backup"}': 4.0}


def test_an_empty_put_leaves_the_times(ctx: Context, clock: Clock) -> None:
    put(ctx, "rows 3\n")
    clock.move(3)
    put(ctx, "")
    assert values_by_series(ctx, "rows") == {}
    assert list(values_by_series(ctx, "push_time_seconds").values()) == [clock()]


def test_delete_ends_a_group_and_no_other(ctx: Context, clock: Clock) -> None:
    put(ctx, "rows 3\n")
    put(ctx, "rows 4\n", {"job": "backup"})
    clock.move(1)
    service.delete(ctx, JOB)
    service.delete(ctx, {"job": "never"})
    for name in ("rows", "push_time_seconds"):
        assert set(values_by_series(ctx, name)) == {f'{name}{{job="backup"}}'}
    clock.move(60)
    assert service.replay(ctx, clock()) == 3
    assert values_by_series(ctx, "rows") == {'rows{job="backup"}': 4.0}


def test_a_tick_that_read_a_group_before_it_was_deleted_does_not_bring_it_back(
    ctx: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ctx, "rows 3\n")
    everything = service.store.everything

    def slowly(session: Session) -> list[PushGroup]:
        actual = everything(session)
        clock.move(1)
        service.delete(ctx, JOB)
        return actual

    monkeypatch.setattr(service.store, "everything", slowly)
    assert service.replay(ctx, clock()) == 3
    assert values_by_series(ctx, "rows") == {}


def test_a_refused_push_changes_nothing_but_the_time_of_failure(ctx: Context, clock: Clock) -> None:
    put(ctx, "rows 3\n")
    pushed = clock()
    clock.move(5)
    with pytest.raises(Inconsistent, match="rows has a timestamp"):
        put(ctx, "rows 9 1700000000000\n")
    assert list(values_by_series(ctx, "rows").values()) == [3.0]
    assert list(values_by_series(ctx, "push_failure_time_seconds").values()) == [clock()]
    assert list(values_by_series(ctx, "push_time_seconds").values()) == [pushed]
    assert refused(ctx) == {'memmon_push_refused_total{protocol="group",reason="inconsistent"}': 1.0}
    clock.move(5)
    put(ctx, "rows 4\n")
    assert list(values_by_series(ctx, "push_failure_time_seconds").values()) == [clock() - 5]


def test_a_first_push_that_is_refused_makes_a_group_that_tells_of_it(ctx: Context, clock: Clock) -> None:
    with pytest.raises(Inconsistent):
        put(ctx, "rows 9 1700000000000\n")
    assert list(values_by_series(ctx, "push_failure_time_seconds").values()) == [clock()]
    assert list(values_by_series(ctx, "push_time_seconds").values()) == [0.0]


def test_what_cannot_be_read_makes_no_group(ctx: Context) -> None:
    with pytest.raises(BadInput, match="not Prometheus text format"):
        put(ctx, "rows three\n")
    assert metrics.hot(ctx).names() == []
    assert refused(ctx) == {'memmon_push_refused_total{protocol="group",reason="unreadable"}': 1.0}


def test_groups_go_together(ctx: Context) -> None:
    put(ctx, "# TYPE rows gauge\nrows 1\n", {"job": "one"})
    with pytest.raises(Inconsistent, match="rows is a counter here and a gauge in another group"):
        put(ctx, "# TYPE rows counter\nrows 1\n", {"job": "two"})
    put(ctx, '# TYPE rows gauge\nrows{instance="a"} 1\n', {"job": "backup"})
    with pytest.raises(Inconsistent, match='rows{instance="a",job="backup"} is in another group too'):
        put(ctx, "# TYPE rows gauge\nrows 1\n", JOB)


def test_there_are_no_more_groups_and_series_than_may_be(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_GROUPS", 2)
    monkeypatch.setattr(service, "MAX_SERIES", 7)
    put(ctx, "a 1\n", {"job": "one"})
    put(ctx, "a 1\n", {"job": "two"})
    put(ctx, "a 2\n", {"job": "two"})
    with pytest.raises(BadInput, match="2 groups already"):
        put(ctx, "a 1\n", {"job": "three"})
    with pytest.raises(BadInput, match="more than 7 series"):
        put(ctx, "a 1\nb 2\nc 3\n", {"job": "two"})


def write(ctx: Context, *fields: bytes) -> dict[str, int]:
    return service.remote_write_1(ctx, packed(*fields), "prometheus").counts


def test_remote_write_is_taken_in(ctx: Context, clock: Clock) -> None:
    now = round(clock() * 1000)
    up = [("__name__", "up"), ("job", "x")]
    assert write(ctx, series(up, [(1.0, now - 15_000), (1.0, now)]), about(2, "up", "Up"), about(2, "odd", "Odd")) == {}
    assert values_by_series(ctx, "count_over_time(up[1m])") == {'{job="x"}': 2.0}
    assert metrics.metadata(ctx)["up"].help == "Up"
    assert "odd" not in metrics.metadata(ctx)


def test_what_remote_write_is_refused_is_counted(ctx: Context, clock: Clock) -> None:
    now = round(clock() * 1000)
    up, nameless = [("__name__", "up")], [("job", "x")]
    actual = write(ctx, series(up, [(1.0, now - 7_200_000), (1.0, now)]), series(nameless, [(1.0, now)]))
    assert actual == {"out_of_bounds": 1, "invalid_labels": 1}
    assert values_by_series(ctx, "up") == {"up": 1.0}
    assert refused(ctx) == {
        'memmon_push_refused_total{protocol="remote_write",reason="out_of_bounds"}': 1.0,
        'memmon_push_refused_total{protocol="remote_write",reason="invalid_labels"}': 1.0,
    }


def test_what_is_no_request_is_counted(ctx: Context) -> None:
    with pytest.raises(BadInput):
        service.remote_write_1(ctx, b"\x00\x00", "p")
    with pytest.raises(BadInput):
        service.otlp_metrics(ctx, b"{", otlp.JSON, "p")
    assert sorted(refused(ctx)) == [
        'memmon_push_refused_total{protocol="otlp",reason="unreadable"}',
        'memmon_push_refused_total{protocol="remote_write",reason="unreadable"}',
    ]


def test_a_redis_away_is_transient(ctx: Context, clock: Clock) -> None:
    away = Context(load({"MEMMON_HOME": "/tmp", "MEMMON_REDIS_URL": "unix:///nowhere.sock?db=0"}), now=clock)
    with pytest.raises(Transient, match="redis"):
        service.remote_write_1(away, packed(series([("__name__", "up")], [(1.0, round(clock() * 1000))])), "p")
