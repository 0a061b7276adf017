"""The hot window through what may happen to it: everything comes and goes, two write at once, Redis
dies.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memmon import labels
from memmon.context import Context
from memmon.errors import Transient
from memmon.labels import Labels
from memmon.metrics import service
from memmon.metrics.head import series_layout
from memmon.metrics.head.series_layout import Member, Row
from memmon.metrics.head.store import HeadStore
from memmon.promql.block import NO_ROW
from memmon.promql.matcher import Matcher
from memmon.samples import STALE_BITS, Sample
from memmon.state import counters
from tests.conftest import Clock, valkey_binary
from tests.support import eventually

SECOND = 1000
T0 = 1_000_000 * SECOND
NAMED = (Matcher("__name__", "=~", "x|y"),)

Samples = dict[Labels, dict[int, float]]


def row(target: str, at: int, columns: set[tuple[str, str]], value: float) -> Row:
    samples = [Sample(labels.of(__name__=name, c=column), value) for name, column in sorted(columns)]
    return series_layout.row_of(Member(target, labels.of(instance=target)), samples, at)


def real(store: HeadStore, start: int, end: int) -> Samples:
    """Return the samples that are no markers."""
    samples: Samples = {}
    for entry in store.select(NAMED, start, end):
        remaining = entry.values.view("u8") != STALE_BITS
        if remaining.any():
            samples[entry.labels] = dict(
                zip(entry.times[remaining].tolist(), entry.values[remaining].tolist(), strict=True)
            )
    return samples


@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_and_goes_what_was_written_is_read(sqlite_ctx: Context, seed: int) -> None:
    chance, store, model = random.Random(seed), HeadStore(sqlite_ctx.redis, 60), Samples()
    everything = [(name, column) for name in "xy" for column in "123"]
    homes = dict.fromkeys("pqr", "a")
    for tick in range(90):
        at = T0 + tick * SECOND
        if chance.random() < 0.1:
            moved = chance.choice("pqr")
            homes[moved] = "b" if homes[moved] == "a" else "a"
        for shard in "ab":
            giving = [folder for folder in homes if homes[folder] == shard and chance.random() < 0.9]
            columns = {entry: set(chance.sample(everything, chance.randrange(7))) for entry in giving}
            rows = [row(entry, at + ord(entry), columns[entry], tick) for entry in giving]
            for _ in range(chance.choice([0, 1, 1, 1, 2])):
                store.write(shard, rows, at // SECOND, SECOND)
                for entry in giving:
                    for name, column in columns[entry]:
                        local = labels.of(__name__=name, c=column, instance=entry)
                        model.setdefault(local, {})[at + ord(entry)] = float(tick)
        start, end = at - 50 * SECOND, at + SECOND
        expected = {local: {t: v for t, v in times.items() if start < t} for local, times in model.items()}
        assert real(store, start, end) == {local: times for local, times in expected.items() if times}, tick


def test_two_writers_of_one_period_leave_the_row_of_one_of_them_whole(sqlite_ctx: Context) -> None:
    store = HeadStore(sqlite_ctx.redis, 60)
    columns = {(name, str(index)) for name in "xy" for index in range(200)}

    def write(writer: int) -> None:
        for tick in range(30):
            rows = [row(entry, T0 + tick * SECOND + writer, columns, 10.0 * tick + writer) for entry in "pq"]
            HeadStore(sqlite_ctx.redis, 60).write("s", rows, T0 // SECOND + tick, SECOND)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    actual = real(store, T0 - 1, T0 + 30 * SECOND)
    assert len(actual) == 2 * 400
    for times in actual.values():
        assert [at // SECOND for at in times] == [T0 // SECOND + tick for tick in range(30)]
        assert all(value == 10.0 * ((at - T0) // SECOND) + at % SECOND for at, value in times.items())


class Server:
    """A Valkey of its own, that a test kills."""

    def __init__(self, folder: Path):
        self.folder, self.sock = folder, folder / "own.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.sock.unlink(missing_ok=True)
        command = [
            valkey_binary(),
            "--port",
            "0",
            "--unixsocket",
            str(self.sock),
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(self.sock.exists)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def server(short_dir: Path) -> Iterator[Server]:
    server = Server(short_dir)
    server.start()
    yield server
    server.kill()


def test_samples_of_a_time_without_redis_are_counted_as_lost_and_nothing_else_is(
    server: Server, make_ctx: Callable[..., Context], sqlite_template: Path, clock: Clock
) -> None:
    ctx = make_ctx(MEMMON_DATABASE_URL=f"sqlite:///{sqlite_template}", MEMMON_REDIS_URL=f"unix://{server.sock}?db=0")
    ticks = iter(range(1000))

    def collect() -> None:
        clock.move(1)
        at, tick = round(clock() * 1000), next(ticks)
        rows = [row(entry, at, {("x", "1"), ("y", "1")}, tick) for entry in "pq"]
        service.ingest_rows(ctx, "s", rows, {}, at // SECOND, SECOND)

    def stored() -> int:
        """Return how many samples an evaluator sees, after it was held against the rings."""
        end = round(clock() * 1000)
        blocks = service.warm(ctx).blocks((Matcher("__name__", "=", "x"),), end - 50 * SECOND, end)
        seen = sum(int((block.times[:, block.member] != NO_ROW).sum()) for block in blocks)
        stored = real(service.hot(ctx), end - 50 * SECOND, end)
        assert seen >= sum(len(times) for local, times in stored.items() if ("__name__", "x") in local)
        return len(service.instant(ctx, "x"))

    for _ in range(5):
        collect()
    assert stored() == 2
    server.kill()
    for _ in range(3):
        with pytest.raises(Transient):
            collect()
    server.start()
    for _ in range(4):
        collect()
    lost = [entry.value for entry in counters.read(ctx.redis) if dict(entry.labels)["__name__"] == service.LOST]
    assert lost == [3 * 4]
    assert stored() == 2
    actual = real(service.hot(ctx), 0, round(clock() * 1000))
    assert {len(times) for times in actual.values()} == {4}
    assert {value for times in actual.values() for value in times.values()} == {8.0, 9.0, 10.0, 11.0}
    assert [point.value for point in service.instant(ctx, "count_over_time(x[30s])")] == [4, 4]
