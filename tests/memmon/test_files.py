"""Files are there whole or not at all."""

import stat
from functools import partial
from pathlib import Path

import pytest

from memmon import files
from tests.support import at_once


def test_what_was_there_is_replaced_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    path.chmod(0o644)
    files.write(path, "after \u00e9 \ud800")
    assert path.read_text(encoding="utf-8") == "after \u00e9 ?"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_has_the_mode_that_is_asked_for(tmp_path: Path) -> None:
    files.write(tmp_path / "a", "", mode=0o644)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_link_in_its_place_is_replaced_and_its_target_not_changed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "key").symlink_to(target)
    files.write(tmp_path / "key", "secret")
    assert target.read_text() == "precious"
    assert not (tmp_path / "key").is_symlink()


def test_of_many_that_write_at_once_one_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    texts = [f"{n}" * 100_000 for n in range(6)]
    at_once(*(partial(files.write, path, text) for text in texts))
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        files.write(tmp_path / "folder", "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
