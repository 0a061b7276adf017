"""No notification lost, and none doubled but where the receiver's answer was: two workers and two
beats, of which one dies at each step between evaluation and record.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memmon import labels as label_sets
from memmon.metrics import service as metrics
from memmon.notify import service as notify
from memmon.samples import Sample
from tests.support import eventually
from tests.workers.fleet import Fleet
from tests.workers.receiver import Receiver

pytestmark = [pytest.mark.fault, pytest.mark.long]

ROUTES = """
route: {{receiver: team, group_wait: 0s, group_interval: 1s}}
receivers: [{{name: team, webhook_configs: [{{url: '{url}/hook', timeout: 2s}}]}}]
"""
OFF = ", ".join(f"{{name: {name}, rules: []}}" for name in ("resources", "health", "database", "quality"))
RULES = f"groups: [{{name: g, rules: [{{alert: hot, expr: heat > 80, labels: {{severity: critical}}}}]}}, {OFF}]"


def heat(fleet: Fleet, value: float) -> None:
    """Measure once; samples stay visible for five minutes."""
    now = fleet.context.now()
    metrics.ingest(fleet.context, "heat", [Sample(label_sets.of(__name__="heat", instance="a"), value)], {}, now, 10)


@pytest.mark.parametrize("step", ["evaluate", "place", "flush", "send", "record"])
def test_a_worker_that_dies_at_any_step_loses_and_doubles_nothing(
    make_fleet: Callable[..., Fleet], receiver: Receiver, step: str
) -> None:
    fleet = make_fleet(routes=ROUTES.format(url=receiver.url), rules=RULES)
    flag = fleet.folder / "crashed"
    fleet.environ |= {"CRASH_AT": step, "CRASH_FLAG": str(flag)}
    options = ("--pool", "threads", "--concurrency", "4", "--include", "tests.workers.crash")
    workers = [fleet.worker(name, "alerts,notify", *options) for name in ("one", "two")]
    beats = [fleet.beat("first"), fleet.beat("second")]
    heat(fleet, 90)
    eventually(flag.exists, within=20)
    fleet.kill(beats[0])
    eventually(lambda: sum(worker.poll() is None for worker in workers) == 1)
    eventually(lambda: notify.counts(fleet.context).get("sent") == 1, within=30)
    heat(fleet, 1)
    eventually(lambda: notify.counts(fleet.context).get("sent") == 2, within=30)
    ticks = fleet.done("notify.tick")
    eventually(lambda: fleet.done("notify.tick") >= ticks + 4, within=30)
    assert set(notify.counts(fleet.context)) == {"sent"}
    # The one whose answer was lost came twice, and says that it is the same.
    assert len(set(receiver.came)) == 2
    assert len(receiver.came) == (3 if step == "record" else 2)
