import logging
from pathlib import Path

import pytest

from memmon import logs


@pytest.fixture(autouse=True)
def _root_as_it_was():  # type: ignore[no-untyped-def]
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_the_log_goes_on_in_a_new_file_when_logrotate_moved_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "monitoring.log"
    logs.setup(path)
    logging.getLogger("a").warning("one")
    path.rename(tmp_path / "monitoring.log.1")
    logging.getLogger("a").warning("two")
    assert "one" in (tmp_path / "monitoring.log.1").read_text()
    assert "two" in path.read_text()


def test_text_from_outside_cannot_write_an_entry_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "monitoring.log"
    logs.setup(path)
    logging.getLogger("a").warning("user said %s", "x\n2026-01-01 INFO forged")
    assert len(path.read_text().splitlines()) == 1


def test_a_log_file_that_cannot_be_written_is_said_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    logs.setup(tmp_path / "file" / "monitoring.log")
    assert "cannot be written" in capsys.readouterr().err
