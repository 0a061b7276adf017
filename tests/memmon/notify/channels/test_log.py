from __future__ import annotations

import logging

import pytest

from memmon.config.receivers import Global, LogConfig
from memmon.notify.channels import log
from memmon.notify.channels.base import Message
from memmon.settings import load


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_a_message_is_written_to_the_log_at_its_level(level: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    config = LogConfig.model_validate({"level": level})
    assert log.send(config, Message("s", "the text", {}), load({"MEMMON_HOME": "/x"}), Global()) == "logged"
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [(level.upper(), "the text")]
