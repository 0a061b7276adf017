import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from memmon.context import Context
from tests.conftest import Clock

RECEIVER = "route: {receiver: %s}\nreceivers: [{name: %s}]\n"


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "config" / "routes.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RECEIVER % ("first", "first"))
    return path


@pytest.fixture
def context(make_ctx: Callable[..., Context], routes: Path) -> Context:
    ctx = make_ctx()
    ctx.refresh_config()
    assert receiver(ctx) == "first"
    return ctx


def receiver(ctx: Context) -> str | None:
    return ctx.config.routes.route.receiver


def test_a_changed_file_is_in_force_once_it_is_announced(context: Context, routes: Path, clock: Clock) -> None:
    routes.write_text(RECEIVER % ("second", "second"))
    clock.move(2)
    context.refresh_config()
    assert receiver(context) == "first"
    context.publish_config_change()
    clock.move(2)
    context.refresh_config()
    assert receiver(context) == "second"


def test_it_looks_at_most_once_a_second(context: Context, routes: Path, clock: Clock) -> None:
    routes.write_text(RECEIVER % ("second", "second"))
    context.publish_config_change()
    clock.move(0.5)
    context.refresh_config()
    assert receiver(context) == "first"
    clock.move(0.5)
    context.refresh_config()
    assert receiver(context) == "second"


def test_a_wrong_file_leaves_the_old_configuration_in_force_and_is_said_once(
    context: Context, routes: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    routes.write_text("route: {receiver: nobody}\n")
    context.publish_config_change()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clock.move(2)
            context.refresh_config()
    assert receiver(context) == "first"
    assert [record.message for record in caplog.records if "routes.yml" in record.message] == [
        next(record.message for record in caplog.records)
    ]


def test_one_read_before_the_first_look_may_be_old_and_is_read_again(
    make_ctx: Callable[..., Context], routes: Path
) -> None:
    ctx = make_ctx()
    assert receiver(ctx) == "first"
    routes.write_text(RECEIVER % ("second", "second"))
    ctx.publish_config_change()
    ctx.refresh_config()
    assert receiver(ctx) == "second"


def test_a_redis_that_is_away_leaves_the_configuration_in_force(
    make_ctx: Callable[..., Context], routes: Path, clock: Clock, short_dir: Path
) -> None:
    ctx = make_ctx(MEMMON_REDIS_URL=f"unix://{short_dir}/nobody.sock")
    assert receiver(ctx) == "first"
    ctx.refresh_config()
    assert receiver(ctx) == "first"


def test_a_clock_that_was_set_back_does_not_stop_the_looking(context: Context, routes: Path, clock: Clock) -> None:
    routes.write_text(RECEIVER % ("second", "second"))
    context.publish_config_change()
    clock.move(-3600)
    context.refresh_config()
    assert receiver(context) == "second"
