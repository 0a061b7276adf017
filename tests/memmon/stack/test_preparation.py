from __future__ import annotations

from pathlib import Path

import pytest

from memmon.errors import Transient
from memmon.stack import preparation
from tests.support import free_port


def test_a_redis_that_does_not_answer_is_named_before_anything_starts(tmp_path: Path) -> None:
    environ = {
        "MEMMON_HOME": str(tmp_path / "home"),
        "MEMMIMIC_DASHBOARD_PORT": "0",
        "MEMMON_REDIS_URL": f"redis://:hunter2@127.0.0.1:{free_port()}/0",
    }
    settings = preparation.checked(environ)
    preparation.folders(settings)
    with pytest.raises(Transient, match=r"^MEMMON_REDIS_URL: redis: .*refused") as caught:
        preparation.plan(settings, environ, preparation.StartOptions())
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "home" / "memmon.db").exists()
