"""A part that a real process has named to memmon.client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memmon import client as sdk
from memmon.config.targets import Target
from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.actions import restart, scale
from memmon.incidents.controls import client
from memmon.incidents.controls.base import ControlledComponent
from tests.memmon.incidents.actions.conftest import call as call_fixture

TOKEN = "client-token"
call = call_fixture


class Pool:
    size = 4
    restarts = 0

    def restart(self) -> None:
        self.restarts += 1

    def scale(self, to: int) -> None:
        if to > 20:
            raise RuntimeError("too many for this host")
        self.size = to


@pytest.fixture
def pool() -> Pool:
    pool = Pool()
    sdk.control("pool", restart=pool.restart, size=lambda: pool.size, scale=pool.scale)
    sdk.control("switch", restart=pool.restart)
    return pool


@pytest.fixture
def ready(pool: Pool, sqlite_ctx: Context) -> Iterator[Context]:
    server = sdk.expose(0, token=TOKEN)
    folder = sqlite_ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "targets.yml").write_text(f"""
targets:
  - name: demo
    instance: demo:1
    database: /nonexistent
    client: {{url: 'http://127.0.0.1:{server.port}/-/memmon', token: {TOKEN}}}
    components:
      pool: {{control: client, unit: pool, least: 2, most: 30}}
      switch: {{control: client, unit: switch}}
      nobody: {{control: client, unit: nobody}}
""")
    sqlite_ctx.reload_config()
    yield sqlite_ctx
    server.close()


def part(ctx: Context, name: str, key: str = "7/act/0") -> ControlledComponent:
    target = ctx.config.targets.get("demo")
    assert isinstance(target, Target)
    return ControlledComponent(target, name, target.components[name], key, 5.0)


def test_a_part_is_restarted_once_for_an_action(ready: Context, pool: Pool) -> None:
    before = client.identity(ready, part(ready, "pool"))
    for _ in range(2):
        assert client.restart(ready, part(ready, "pool")) == "demo restarted pool"
    assert pool.restarts == 1
    assert client.identity(ready, part(ready, "pool")) != before


def test_it_is_scaled_within_its_bounds_and_back(ready: Context, pool: Pool, call: Callable[..., Any]) -> None:
    expected = call(component="pool", by=3)
    before = scale.before(ready, expected)
    assert before == {"size": 4, "wanted": 7}
    done = call(component="pool", by=3, before=before)
    assert scale.probe(ready, done) is None
    assert scale.act(ready, done) == "scaled pool of demo: 4 -> 7"
    assert (pool.size, scale.probe(ready, done)) == (7, "scaled pool of demo: 4 -> 7")
    back = done._replace(key="7/act/0/undo")
    assert scale.undo(ready, back) == "scaled pool of demo: 7 -> 4"
    assert scale.undo(ready, back) == "pool of demo is 4, as before"
    pool.size = 9
    with pytest.raises(Permanent, match="it was scaled again"):
        scale.undo(ready, done)
    assert scale.before(ready, call(component="pool", to=100))["wanted"] == 30
    assert scale.before(ready, call(component="pool", by=-50))["wanted"] == 2


def test_what_the_host_says_comes_back(ready: Context, call: Callable[..., Any]) -> None:
    with pytest.raises(Permanent, match="named no part nobody"):
        client.restart(ready, part(ready, "nobody"))
    with pytest.raises(Permanent, match="cannot be scaled"):
        client.size(ready, part(ready, "switch"))
    with pytest.raises(Exception, match="500"):
        client.resize(ready, part(ready, "pool", "9/act/0"), 25)
    with pytest.raises(Permanent, match="cannot be scaled"):
        client.resize(ready, part(ready, "switch", "9/act/1"), 3)


def test_a_restart_is_known_by_the_part_that_is_another_one(ready: Context, call: Callable[..., Any]) -> None:
    before = restart.before(ready, call(component="switch"))
    arguments = call(component="switch", before=before)
    assert restart.probe(ready, arguments) is None
    restart.act(ready, arguments._replace(key="8/act/0"))
    assert restart.probe(ready, arguments) is not None
