import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from memmon.context import Context
from memmon.health import service
from memmon.metrics import service as metrics
from tests.conftest import Clock
from tests.memmon.pages import Pages
from tests.support import collect

PAGE = """memmimic_cache_hits_total 90
memmimic_cache_misses_total 10
memmimic_cxd_classifications_total 5
"""


# Limits that the machine of the tests never meets, however busy it is.
LIMITS = ", ".join(
    f"{case}_{band}: 101" for case in ("memory", "cpu", "disk") for band in ("degraded", "unhealthy", "critical")
)
EASY = f"{{name: system_resources, weight: 2, limits: {{{LIMITS}}}}}"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "memmimic.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE memories (id)")
        connection.commit()
        yield path


@pytest.fixture
def watched(ctx: Context, pages: Pages, database: Path) -> Context:
    """A context that watches one MemMimic with page and database, collected once."""
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "targets.yml").write_text(
        f"targets: [{{name: m, instance: one, metrics: '{pages.url}/metrics', database: {database}}}]"
    )
    (folder / "checks.yml").write_text(f"checks: [{EASY}]")
    pages.pages["/metrics"] = PAGE
    ctx.reload_config()
    collect(ctx, "m", "host")
    return ctx


def whole_round(ctx: Context) -> None:
    for job in service.due(ctx):
        service.check(ctx, *job.args)


def test_a_round_ends_with_a_verdict_that_is_a_metric(watched: Context) -> None:
    whole_round(watched)
    report = service.report(watched)
    assert report["total_checks"] == 5
    assert {check["name"] for check in report["checks"]} == {
        "database",
        "cache",
        "memory_system",
        "cxd_classifier",
        "system_resources",
    }
    assert {c["status"] for c in report["checks"]} == {"healthy"}
    assert report["score"] == 1
    [point] = metrics.instant(watched, 'memmimic_health_score{instance="one"}')
    assert point.value == 1
    assert metrics.instant(watched, 'memmimic_health_check_status{check="database"}')[0].value == 1


def test_a_missing_database_is_critical_and_is_not_made(watched: Context, database: Path) -> None:
    database.unlink()
    whole_round(watched)
    report = service.report(watched, "one")
    assert report["status"] == "critical"
    assert report["score"] < 0.5
    assert not database.exists()
    assert service.why(watched)[0]["check"] in ("database", "memory_system")


def test_a_target_that_does_not_answer_is_critical(watched: Context, pages: Pages, clock: Clock) -> None:
    pages.pages.clear()
    clock.move(10)
    collect(watched, "m")
    whole_round(watched)
    actual = {check["name"]: check["status"] for check in service.report(watched)["checks"]}
    assert (actual["cache"], actual["memory_system"], actual["cxd_classifier"]) == ("critical",) * 3


def test_an_absent_classifier_is_degraded(watched: Context, pages: Pages, clock: Clock) -> None:
    pages.pages["/metrics"] = "memmimic_cache_hits_total 1\n"
    clock.move(10)
    collect(watched, "m")
    whole_round(watched)
    actual = {check["name"]: check["status"] for check in service.report(watched)["checks"]}
    assert actual["cxd_classifier"] == "degraded"


def test_a_check_that_was_cut_is_critical_and_says_so(watched: Context) -> None:
    jobs = {job.args[1]: job for job in service.due(watched)}
    assert (jobs["database"].limit, jobs["database"].expires) == (6, 12)
    service.cut(watched, "m", "database", 1)
    check = service.report(watched)["checks"][0]
    assert (check["status"], check["message"]) == ("critical", "the check did not end within 6 s and was cut")


def test_a_doubled_check_is_one_result_and_a_doubled_tick_one_round(watched: Context) -> None:
    jobs = service.due(watched)
    assert service.due(watched) == []
    for job in jobs + jobs:
        service.check(watched, *job.args)
    assert all(len(bars) == 1 for bars in service.recent(watched).values())


def test_the_history_keeps_the_rounds_in_order(watched: Context, clock: Clock) -> None:
    for _ in range(3):
        whole_round(watched)
        clock.move(30)
    history = [row for row in service.history(watched, 1) if row["instance"] == "one"]
    assert [row["timestamp"] for row in history] == sorted(row["timestamp"] for row in history)
    assert len(history) == 3
    assert len(service.recent(watched)["database"]) == 3


def test_checks_that_end_together_still_give_a_verdict(watched: Context) -> None:
    jobs = service.due(watched)
    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(lambda job: service.check(watched, *job.args), jobs))
    [verdict] = service.history(watched, 1)
    assert verdict["total_checks"] == 5


def test_a_check_whose_task_was_lost_is_critical_in_its_round(watched: Context, clock: Clock) -> None:
    for job in service.due(watched)[1:]:
        service.check(watched, *job.args)
    assert service.history(watched, 1) == []
    clock.move(60)
    service.due(watched)
    [verdict] = service.history(watched, 1)
    assert (verdict["status"], verdict["total_checks"]) == ("critical", 5)
    lost = next(check for check in service.report(watched)["checks"] if check["status"] == "critical")
    assert lost["message"] == "no result: its task was lost"


def test_a_round_that_comes_late_does_not_speak_for_the_present(watched: Context, database: Path, clock: Clock) -> None:
    late = service.due(watched)
    clock.move(30)
    whole_round(watched)
    database.unlink()
    for job in late:
        service.check(watched, *job.args)
    assert service.report(watched)["status"] == "healthy"
    assert metrics.instant(watched, 'memmimic_health_score{instance="one"}')[0].value == 1


def test_without_a_memmimic_the_checks_say_that_there_is_none(sqlite_ctx: Context) -> None:
    whole_round(sqlite_ctx)
    report = service.report(sqlite_ctx)
    assert report["total_checks"] == 5
    messages = {check["name"]: check["message"] for check in report["checks"]}
    assert "no MemMimic is configured" in messages["database"]
    assert "memory" in messages["system_resources"]


def test_slow_queries_of_the_target_itself_are_seen_in_the_database_check(
    watched: Context, pages: Pages, clock: Clock
) -> None:
    bucket = 'memmimic_db_query_duration_seconds_bucket{le="%s"} %d'
    for seen in (0, 50):
        rows = [bucket % ("0.5", 0), bucket % ("1.0", seen), bucket % ("+Inf", seen)]
        pages.pages["/metrics"] = PAGE + "\n".join(["# TYPE memmimic_db_query_duration_seconds histogram", *rows, ""])
        clock.move(10)
        collect(watched, "m")
    whole_round(watched)
    check = next(c for c in service.report(watched)["checks"] if c["name"] == "database")
    assert check["status"] == "unhealthy"
    assert check["metadata"]["query_p95_ms"] > 500


def test_a_damaged_database_stays_critical(watched: Context, database: Path, clock: Clock) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE filler (text)")
        connection.executemany("INSERT INTO filler VALUES (?)", [("x" * 500,)] * 200)
        connection.execute("CREATE INDEX by_text ON filler (text)")
        connection.commit()
    content = bytearray(database.read_bytes())
    content[8 * 4096 : 12 * 4096] = b"\xff" * 4 * 4096
    database.write_bytes(content)
    for _ in range(2):
        whole_round(watched)
        check = next(c for c in service.report(watched)["checks"] if c["name"] == "database")
        assert (check["status"], "damaged" in check["message"]) == ("critical", True)
        clock.move(30)


def test_before_the_first_round_the_report_says_that_it_does_not_know(ctx: Context) -> None:
    report = service.report(ctx)
    assert (report["status"], report["score"], report["checks"]) == ("unknown", None, [])


def test_old_results_are_no_longer_the_present(
    watched: Context, clock: Clock, make_ctx: Callable[..., Context]
) -> None:
    whole_round(watched)
    clock.move(600)
    assert service.report(watched)["status"] == "unknown"
