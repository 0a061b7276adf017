import stat
from pathlib import Path

from memmon.stack import secret_files


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    assert secret_files.ensure(path)
    first = path.read_text()
    assert len(first.strip()) >= 32
    assert not secret_files.ensure(path)
    assert path.read_text() == first


def test_only_its_user_may_read_it_even_when_others_could_before(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    path.write_text("held\n")
    path.chmod(0o644)
    secret_files.ensure(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "held\n"


def test_the_operators_own_secret_replaces_the_one_that_was_made(tmp_path: Path) -> None:
    path = tmp_path / "ingest.key"
    secret_files.ensure(path)
    assert not secret_files.ensure(path, "the operator's own key")
    assert path.read_text() == "the operator's own key\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
