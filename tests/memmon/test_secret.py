"""The secret of a home: created once by the first caller."""

from functools import partial
from pathlib import Path

import pytest

from memmon import secret
from memmon.errors import BadConfig
from tests.support import at_once


def test_threads_that_ask_at_once_are_given_one_secret(tmp_path: Path) -> None:
    for trial in range(20):
        path = tmp_path / str(trial) / "secret.key"
        arguments = at_once(*[partial(secret.load_or_create.__wrapped__, path)] * 8)
        assert set(arguments) == {path.read_bytes()}
        assert [left.name for left in path.parent.iterdir()] == [path.name]


def test_the_secret_is_32_bytes_that_only_its_user_can_read(tmp_path: Path) -> None:
    path = tmp_path / "run" / "secret.key"

    assert len(secret.load_or_create(path)) == 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_cannot_be_kept_is_an_error_that_names_its_place(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder would be")

    with pytest.raises(BadConfig, match="the secret cannot be kept at"):
        secret.load_or_create(tmp_path / "run" / "secret.key")
