from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import HttpUrl

from memmon.config import targets
from memmon.config.targets import Target
from memmon.errors import MemmonError, Permanent, Transient
from memmon.security import client as door
from tests.memmon.security.conftest import TOKEN, Client
from tests.support import free_port


def target(url: str, token: str | None = TOKEN, token_file: Path | None = None) -> Target:
    at = targets.Client(url=HttpUrl(f"{url}/-/memmon"), token=token, token_file=token_file)
    return Target(name="a", database=Path("/none"), client=at)


def test_a_call_goes_to_the_targets_client_with_its_token(client: Client, tmp_path: Path) -> None:
    client.body = b'{"cleared": 3}'
    assert door.call(target(client.url), "PUT", "restrictions", {"a": 1}) == {"cleared": 3}
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    door.call(target(client.url, None, tmp_path / "token"), "PUT", "restrictions", {"b": 1})
    assert client.states == [{"a": 1}, {"b": 1}]


@pytest.mark.parametrize(
    ("status", "failure"), [(500, Transient), (503, Transient), (404, Permanent), (302, Permanent)]
)
def test_a_5xx_answer_may_pass_and_others_will_not(client: Client, status: int, failure: type[MemmonError]) -> None:
    client.status = status
    with pytest.raises(failure, match=f"a: {status}"):
        door.call(target(client.url), "PUT", "restrictions", {})


def test_what_is_wrong_with_a_client_is_said(client: Client) -> None:
    with pytest.raises(Permanent, match="a: 401"):
        door.call(target(client.url, "other"), "PUT", "restrictions", {})
    with pytest.raises(Permanent, match="cannot be read"):
        door.call(target(client.url, None, Path("/none")), "PUT", "restrictions", {})
    with pytest.raises(Permanent, match="has no client"):
        door.call(Target(name="a", database=Path("/none")), "PUT", "restrictions", {})
    with pytest.raises(Transient):
        door.call(target(f"http://127.0.0.1:{free_port()}"), "PUT", "restrictions", {})
    client.body = b"<html>"
    with pytest.raises(Permanent, match="not JSON"):
        door.call(target(client.url), "PUT", "restrictions", {})
