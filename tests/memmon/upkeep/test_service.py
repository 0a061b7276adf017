from __future__ import annotations

from memmon.context import Context
from memmon.upkeep import deadletter, service
from tests.conftest import Clock

HOUR = 3600.0


def test_what_was_kept_long_enough_is_forgotten_and_counted_by_table(ctx: Context, clock: Clock) -> None:
    deadletter.record(ctx, "old", "workers.collect.run", [], "old", 1)
    deadletter.redelivered(ctx, "old")
    clock.move((ctx.settings.retention_hours - 1) * HOUR)
    deadletter.record(ctx, "new", "workers.collect.run", [], "new", 1)
    assert service.prune(ctx)["redelivery"] == 1
    clock.move(2 * HOUR)
    assert service.prune(ctx)["dead_letter"] == 1
    assert [letter["error"] for letter in deadletter.recent(ctx)] == ["new"]
