from pathlib import Path

import yaml

import celeryconfig
from workers import base
from workers.app import app

ROOT = Path(__file__).parents[2]


def memmon_tasks() -> list[str]:
    app.loader.import_default_modules()
    return [name for name in app.tasks if name.startswith("workers.")]


def test_every_task_has_the_queue_of_its_module() -> None:
    assert len(memmon_tasks()) >= 12
    for name in memmon_tasks():
        queue = app.amqp.router.route({}, name)["queue"].name
        assert queue == name.split(".")[1]


def test_every_scheduled_tick_is_a_task_that_exists_and_expires() -> None:
    tasks = memmon_tasks()
    for entry in celeryconfig.beat_schedule.values():
        assert entry["task"] in tasks
        assert 10 <= entry["options"]["expires"] <= max(10.0, float(entry["schedule"]))  # type: ignore[index,arg-type]


def test_every_queue_has_a_consumer_in_the_fleet() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    consumed: set[str] = set()
    for service in services.values():
        words = service.get("command", [])
        words = words.split() if isinstance(words, str) else words
        for flag, value in zip(words, words[1:], strict=False):
            if flag in ("-Q", "--queues"):
                consumed |= set(value.split(","))
    assert consumed == set(celeryconfig.QUEUES)


def test_only_json_is_spoken() -> None:
    assert celeryconfig.accept_content == ["json"]
    assert celeryconfig.task_serializer == "json"


def test_nothing_runs_or_waits_as_long_as_the_visibility_timeout() -> None:
    assert celeryconfig.task_time_limit < celeryconfig.VISIBILITY_TIMEOUT
    assert base.RETRY_BACKOFF_MAX < celeryconfig.VISIBILITY_TIMEOUT
