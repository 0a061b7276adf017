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
    service.run(ctx, ["a"])
    own = '{job="memmimic",instance="one",team="x"}'
    assert values(ctx, f"memmimic_cache_hits_total{own}") == [9]
    assert values(ctx, f"memmimic_cache_hit_rate{own}") == [0.9]
    assert values(ctx, f"up{own}") == [1]
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
    service.run(ctx, ["bad", "good"])
    state = {row["name"]: row for row in service.targets(ctx)}
    assert not state["bad"]["up"]
    assert reason in state["bad"]["error"]
    assert state["good"]["up"]
    assert sorted(values(ctx, 'up{job="memmimic"}')) == [0, 1] or len(values(ctx, "up")) == 1
    assert "metrics collection of bad failed" in caplog.text


def test_fifty_pages_are_fetched_at_the_same_time(pages: Pages) -> None:
    pages.pages["/metrics"] = PAGE
    found = scrape.fetch([scrape.Wanted(f"{pages.url}/metrics", 10)] * 50)
    assert all(collected.error is None for collected, _ in found)


def test_the_page_wins_where_the_database_says_the_same(
    watching: Callable[[str], Context], pages: Pages, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "m.db")) as connection:
        connection.execute("CREATE TABLE memories (id)")
        connection.execute("INSERT INTO memories VALUES (1)")
        connection.commit()
    pages.pages["/metrics"] = "memmimic_db_size_bytes 42\n"
    ctx = watching(f"{{name: a, metrics: '{pages.url}/metrics', database: {tmp_path}/m.db}}")
    service.run(ctx, ["a"])
    assert values(ctx, "memmimic_db_size_bytes") == [42]
    assert values(ctx, "memmimic_memories") == [1]
    assert values(ctx, "memmimic_db_write_lock_free") == [1]


def test_a_file_that_is_no_database_takes_its_target_down(watching: Callable[[str], Context], tmp_path: Path) -> None:
    (tmp_path / "m.db").write_text("no database " * 1000)
    ctx = watching(f"{{name: a, database: {tmp_path}/m.db}}")
    service.run(ctx, ["a"])
    assert values(ctx, 'up{instance="a"}') == [0]


def test_the_host_and_memmon_itself_are_collected(watching: Callable[[str], Context]) -> None:
    ctx = watching("")
    counters.add(ctx.redis, "memmimic_alerts_total", {"severity": "warning"})
    message = {"headers": {"sent_at": ctx.now() - 7}, "body": ""}
    ctx.redis.lpush(keys.queue("health"), json.dumps(message))
    service.run(ctx, ["host", "memmon"])
    assert 0 < values(ctx, "memmimic_memory_usage_percent")[0] <= 100
    assert values(ctx, 'memmon_queue_depth{queue="health"}') == [1]
    assert values(ctx, 'memmon_queue_oldest_seconds{queue="health"}') == [7]
    assert values(ctx, "memmimic_alerts_total") == [1]
    assert "# TYPE memmimic_alerts_total counter" in metrics.page(ctx)


def test_a_tick_sends_each_tier_once_a_period(watching: Callable[[str], Context], clock: Clock) -> None:
    ctx = watching("{name: slow, database: /x, tier: detailed}")
    assert Job("collect.run", (["host", "memmon"],), 10) in service.due(ctx)
    assert service.due(ctx) == []
    clock.move(10)
    assert service.due(ctx) == [Job("collect.run", (["host", "memmon"],), 10)]
    clock.move(50)
    assert Job("collect.run", (["slow"],), 60) in service.due(ctx)


def test_fresh_samples_wake_one_evaluation(watching: Callable[[str], Context]) -> None:
    ctx = watching("")
    assert service.run(ctx, ["host"]) == [Job("alerts.evaluate")]
    assert service.run(ctx, ["host"]) == []


def test_a_target_that_is_watched_no_more_goes_stale_at_once_with_its_health(
    watching: Callable[[str], Context], tmp_path: Path, clock: Clock
) -> None:
    ctx = watching("{name: a, database: /none}, {name: b, database: /none}")
    service.run(ctx, ["a", "b"])
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
