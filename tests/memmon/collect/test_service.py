import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from memmon import labels
from memmon.collect import scrape, service, store
from memmon.context import Context
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.samples import Sample
from memmon.state import counters, keys
from tests.conftest import Clock
from tests.memmon.pages import Pages
from tests.support import collect

PAGE = "# TYPE memmimic_cache_hits_total counter\nmemmimic_cache_hits_total 9\nmemmimic_cache_misses_total 1\n"


@pytest.fixture
def watching(make_ctx: Callable[..., Context], tmp_path: Path, sqlite_template: Path) -> Callable[[str], Context]:
    """Return a context whose targets.yml says what a test wants."""

    def make(targets: str) -> Context:
        folder = tmp_path / "home" / "config"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "targets.yml").write_text(f"targets: [{targets}]")
        return make_ctx(MEMMON_DATABASE_URL=f"sqlite:///{sqlite_template}")

    return make


def values(ctx: Context, expr: str) -> list[float]:
    return [point.value for point in metrics.instant(ctx, expr)]


def test_a_page_is_taken_in_with_the_labels_of_its_target(watching: Callable[[str], Context], pages: Pages) -> None:
    pages.pages["/metrics"] = PAGE
    ctx = watching(f"{{name: a, instance: one, labels: {{team: x}}, metrics: '{pages.url}/metrics'}}")
    collect(ctx, "a")
    local = '{job="memmimic",instance="one",team="x"}'
    assert values(ctx, f"memmimic_cache_hits_total{local}") == [9]
    assert values(ctx, f"memmimic_cache_hit_rate{local}") == [0.9]
    assert values(ctx, f"up{local}") == [1]
    assert values(ctx, "scrape_duration_seconds")[0] > 0


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/none", "status 404"),
        ("/hang", "no answer within 0.5 s"),
        ("/html", "not Prometheus"),
        ("/huge", "larger than"),
    ],
)
def test_a_target_that_fails_is_down_with_its_reason_and_the_others_go_on(
    watching: Callable[[str], Context], pages: Pages, path: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    pages.pages |= {"/metrics": PAGE, "/html": "<html>no</html>"}
    timeout = 10 if path == "/huge" else 0.5
    ctx = watching(
        f"{{name: bad, metrics: '{pages.url}{path}', timeout: {timeout}}},{{name: good, metrics: '{pages.url}/metrics'}}"
    )
    collect(ctx, "bad", "good")
    state = {row["name"]: row for row in service.targets(ctx)}
    assert not state["bad"]["up"]
    assert reason in state["bad"]["error"]
    assert state["good"]["up"]
    assert sorted(values(ctx, 'up{job="memmimic"}')) == [0, 1] or len(values(ctx, "up")) == 1
    assert "metrics collection of bad failed" in caplog.text


def test_fifty_pages_are_fetched_at_the_same_time(pages: Pages) -> None:
    pages.pages["/metrics"] = PAGE
    actual = scrape.fetch([scrape.PageRequest(f"{pages.url}/metrics", 10)] * 50)
    assert all(collected.error is None for collected, _ in actual)


def test_the_page_wins_where_the_database_says_the_same(
    watching: Callable[[str], Context], pages: Pages, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "m.db")) as connection:
        connection.execute("CREATE TABLE memories (id)")
        connection.execute("INSERT INTO memories VALUES (1)")
        connection.commit()
    pages.pages["/metrics"] = "memmimic_db_size_bytes 42\n"
    ctx = watching(f"{{name: a, metrics: '{pages.url}/metrics', database: {tmp_path}/m.db}}")
    collect(ctx, "a")
    assert values(ctx, "memmimic_db_size_bytes") == [42]
    assert values(ctx, "memmimic_memories") == [1]
    assert values(ctx, "memmimic_db_write_lock_free") == [1]


def test_a_file_that_is_no_database_takes_its_target_down(watching: Callable[[str], Context], tmp_path: Path) -> None:
    (tmp_path / "m.db").write_text("no database " * 1000)
    ctx = watching(f"{{name: a, database: {tmp_path}/m.db}}")
    collect(ctx, "a")
    assert values(ctx, 'up{instance="a"}') == [0]


def test_the_host_and_memmon_itself_are_collected(watching: Callable[[str], Context]) -> None:
    ctx = watching("")
    counters.add(ctx.redis, "memmimic_alerts_total", {"severity": "warning"})
    message = {"headers": {"sent_at": ctx.now() - 7}, "body": ""}
    ctx.redis.lpush(keys.queue("health"), json.dumps(message))
    collect(ctx, "host", "memmon")
    assert 0 < values(ctx, "memmimic_memory_usage_percent")[0] <= 100
    assert values(ctx, 'memmon_queue_depth{queue="health"}') == [1]
    assert values(ctx, 'memmon_queue_oldest_seconds{queue="health"}') == [7]
    assert values(ctx, "memmimic_alerts_total") == [1]
    assert "# TYPE memmimic_alerts_total counter" in metrics.page(ctx)


def test_a_tick_sends_each_tier_once_a_period(watching: Callable[[str], Context], clock: Clock) -> None:
    ctx = watching("{name: slow, database: /x, tier: detailed}")
    period = int(clock() // 10)
    local = ["host", "memmon"]
    assert Job("collect.run", ("critical:0", local, period), 10) in service.due(ctx)
    assert service.due(ctx) == []
    clock.move(10)
    assert service.due(ctx) == [Job("collect.run", ("critical:0", local, period + 1), 10)]
    clock.move(50)
    assert Job("collect.run", ("detailed:0", ["slow"], int(clock() // 60)), 60) in service.due(ctx)


@pytest.mark.parametrize("interval", [1.0, 10.0])
def test_ticks_that_come_early_late_or_twice_collect_each_period_once(
    make_ctx: Callable[..., Context], clock: Clock, interval: float, sqlite_template: Path
) -> None:
    ctx = make_ctx(
        MEMMON_DATABASE_URL=f"sqlite:///{sqlite_template}", MEMMIMIC_METRICS_COLLECTION_INTERVAL=f"{interval:g}"
    )
    start, periods = clock(), []
    # As a part of the interval, how far from its time each tick comes; 0 and -0.05 stand on both
    # sides of a period's begin.
    for index, off in enumerate([0, -0.05, 0.05, -0.08, 0.0, 0.09, -0.09, 0.3, 0.6, 0.2, -0.02]):
        clock.now = start + (10 + index + off) * interval
        for _ in range(2):
            periods += [job.args[2] for job in service.due(ctx) if str(job.args[0]).startswith("critical")]
    first = int(start // interval) + 10
    assert periods == list(range(first, first + 11))


def test_a_shard_has_at_most_fifty_targets_and_writes_each_metric_once(
    watching: Callable[[str], Context], pages: Pages
) -> None:
    pages.pages["/metrics"] = PAGE
    amount = ",".join(
        f"{{name: t{n}, instance: i{n}, tier: critical, metrics: '{pages.url}/metrics'}}" for n in range(60)
    )
    ctx = watching(amount)
    jobs = [job.args for job in service.due(ctx) if str(job.args[0]).startswith("critical")]
    assert [(shard, len(names)) for shard, names, _ in jobs] == [("critical:0", 50), ("critical:1", 12)]
    for args in jobs:
        service.run(ctx, *args)
    assert [target["error"] for target in service.targets(ctx) if not target["up"]] == []
    assert len(values(ctx, "memmimic_cache_hits_total")) == 60
    assert ctx.redis.zcard(keys.hot_rings("memmimic_cache_hits_total")) == 2


def test_a_collection_that_is_delivered_again_long_after_its_period_does_nothing(
    watching: Callable[[str], Context], pages: Pages, clock: Clock
) -> None:
    pages.pages["/metrics"] = "x 1\n"
    ctx = watching(f"{{name: a, metrics: '{pages.url}/metrics'}}")
    period = int(clock() // 10)
    service.run(ctx, "critical:0", ["a"], period)
    pages.pages["/metrics"] = "x 2\n"
    clock.move(4)
    service.run(ctx, "critical:0", ["a"], period)
    assert values(ctx, "x") == [2]
    clock.move(185)
    assert service.run(ctx, "critical:0", ["a"], period) == []
    assert [point.value for point in metrics.instant(ctx, "x", clock() - 180)] == [2]


def test_a_series_that_a_page_no_longer_has_ends_at_once_and_returns(
    watching: Callable[[str], Context], pages: Pages, clock: Clock
) -> None:
    ctx = watching(f"{{name: a, metrics: '{pages.url}/metrics'}}")
    for page, expected in (('x{a="1"} 1\nx{a="2"} 2\n', [1, 2]), ('x{a="1"} 1\n', [1]), ('x{a="2"} 3\n', [3])):
        pages.pages["/metrics"] = page
        collect(ctx, "a")
        assert sorted(values(ctx, "x")) == expected
        clock.move(10)
    del pages.pages["/metrics"]
    collect(ctx, "a")
    assert values(ctx, "x") == []
    assert values(ctx, 'up{job="memmimic"}') == [0]


def test_samples_with_times_of_their_own_keep_them(
    watching: Callable[[str], Context], pages: Pages, clock: Clock
) -> None:
    at = round(clock() * 1000) - 7000
    pages.pages["/metrics"] = f"x 1 {at}\ny 2\nz 3 {at - 10**9}\n"
    ctx = watching(f"{{name: a, metrics: '{pages.url}/metrics'}}")
    collect(ctx, "a")
    assert values(ctx, "timestamp(x)") == [at / 1000]
    assert values(ctx, 'y{job="memmimic"}') == [2]
    [state] = [target for target in service.targets(ctx) if target["name"] == "a"]
    assert state["samples"] == 5
    assert [
        entry.value
        for entry in counters.read(ctx.redis)
        if dict(entry.labels)["__name__"] == "memmon_scrape_refused_total"
    ] == [1]


def test_labels_of_the_target_win_and_those_of_the_page_are_kept(
    watching: Callable[[str], Context], pages: Pages
) -> None:
    pages.pages["/metrics"] = 'x{job="other",instance="a"} 1\n'
    ctx = watching(f"{{name: a, instance: a, metrics: '{pages.url}/metrics'}}")
    collect(ctx, "a")
    assert values(ctx, 'x{job="memmimic",exported_job="other",exported_instance=""}') == [1]


def test_fresh_samples_wake_one_evaluation(watching: Callable[[str], Context]) -> None:
    ctx = watching("")
    assert collect(ctx, "host") == [Job("alerts.evaluate")]
    assert collect(ctx, "host") == []


def test_a_target_that_is_watched_no_more_goes_stale_at_once_with_its_health(
    watching: Callable[[str], Context], tmp_path: Path, clock: Clock
) -> None:
    ctx = watching("{name: a, database: /none}, {name: b, database: /none}")
    collect(ctx, "a", "b")
    score = Sample(labels.of({"__name__": "memmimic_health_score", "instance": "a"}), 0.2)
    metrics.ingest(ctx, "health:a", [score], {}, ctx.now(), 30)
    clock.move(10)
    watching("{name: b, database: /none}")
    ctx.reload_config()
    service.due(ctx)
    assert values(ctx, "memmimic_health_score") == []
    assert [dict(point.labels)["instance"] for point in metrics.instant(ctx, "up == 0")] == ["b"]
    assert [row["name"] for row in service.targets(ctx) if row["up"] is not None] == ["b"]
    assert set(store.load(ctx.redis)) == {"b"}
