from typing import Any

import pytest

from memmon.client.components import KEPT, HostComponent, HostComponents, Unfit


class Host:
    def __init__(self) -> None:
        self.restarts, self.size = 0, 3

    def restart(self) -> None:
        self.restarts += 1

    def scale(self, size: int) -> None:
        self.size = size


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def components(host: Host) -> HostComponents:
    actual = HostComponents()
    actual.add("pool", HostComponent(host.restart, lambda: host.size, host.scale))
    actual.add("plain", HostComponent(None, None, None))
    return actual


def test_a_part_is_shown_with_what_it_has(components: HostComponents) -> None:
    assert components.show("pool") == {"name": "pool", "generation": 0, "size": 3}
    assert components.show("plain") == {"name": "plain", "generation": 0}


def test_a_call_that_comes_twice_acts_once(components: HostComponents, host: Host) -> None:
    for _ in range(2):
        assert components.do("pool", {"action": "restart", "key": "a"}) == {"name": "pool", "generation": 1, "size": 3}
    components.do("pool", {"action": "restart", "key": "b"})
    assert host.restarts == 2
    assert components.do("pool", {"action": "scale", "size": 8, "key": "c"})["size"] == 8


def test_keys_are_remembered_for_a_while_and_not_for_ever(components: HostComponents, host: Host) -> None:
    for index in range(KEPT + 1):
        components.do("pool", {"action": "restart", "key": str(index)})
    components.do("pool", {"action": "restart", "key": "0"})
    assert host.restarts == KEPT + 2


@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [
        ("nobody", {"action": "restart"}, 404),
        ("plain", {"action": "restart"}, 409),
        ("plain", {"action": "scale", "size": 2}, 409),
        ("pool", {"action": "scale", "size": 0}, 400),
        ("pool", {"action": "scale", "size": True}, 400),
        ("pool", {"action": "sing"}, 400),
        ("pool", [], 400),
    ],
)
def test_what_cannot_be_done_is_said(components: HostComponents, name: str, arguments: Any, status: int) -> None:
    with pytest.raises(Unfit) as error:
        components.do(name, arguments)
    assert error.value.status == status


def test_what_failed_is_tried_anew_with_the_same_key(components: HostComponents, host: Host) -> None:
    def broken(_: int) -> None:
        raise RuntimeError("full")

    components.add("pool", HostComponent(host.restart, lambda: host.size, broken))
    with pytest.raises(RuntimeError):
        components.do("pool", {"action": "scale", "size": 5, "key": "a"})
    components.add("pool", HostComponent(host.restart, lambda: host.size, host.scale))
    assert components.do("pool", {"action": "scale", "size": 5, "key": "a"})["size"] == 5
