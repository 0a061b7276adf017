"""What the demo takes from its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmon.demo.environment import load
from memmon.errors import BadConfig


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token").write_text("the-token\n")
    (tmp_path / "key").write_text("the-key\n")
    return {
        "MEMMON_DEMO_URL": "http://127.0.0.1:8081",
        "MEMMON_DEMO_DATABASE": str(tmp_path / "demo.db"),
        "MEMMON_CLIENT_TOKEN_FILE": str(tmp_path / "token"),
        "MEMMON_INGEST_KEY_FILE": str(tmp_path / "key"),
        "MEMMON_REPORT_URL": "http://127.0.0.1:8080",
    }


def test_all_of_it_is_taken(whole: dict[str, str], tmp_path: Path) -> None:
    assert tuple(load(whole)) == (
        "127.0.0.1",
        8081,
        tmp_path / "demo.db",
        "the-token",
        "the-key",
        "http://127.0.0.1:8080",
    )


def test_it_runs_without_a_memmon_to_report_to(whole: dict[str, str]) -> None:
    del whole["MEMMON_INGEST_KEY_FILE"], whole["MEMMON_REPORT_URL"]
    assert load(whole)[4:] == (None, None)


def test_secrets_may_stand_in_the_environment_itself(whole: dict[str, str]) -> None:
    actual = load({**whole, "MEMMON_CLIENT_TOKEN": "direct", "MEMMON_INGEST_KEY": "straight"})
    assert (actual.client_token, actual.ingest_key) == ("direct", "straight")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEMMON_DEMO_URL", ""),
        ("MEMMON_DEMO_URL", "127.0.0.1:8081"),
        ("MEMMON_DEMO_URL", "http://127.0.0.1"),
        ("MEMMON_DEMO_URL", "http://127.0.0.1:99999"),
        ("MEMMON_DEMO_URL", "https://127.0.0.1:8081"),
        ("MEMMON_DEMO_DATABASE", " "),
        ("MEMMON_CLIENT_TOKEN_FILE", ""),
        ("MEMMON_CLIENT_TOKEN_FILE", "/nowhere"),
        ("MEMMON_CLIENT_TOKEN_FILE", "/dev/null"),
        ("MEMMON_INGEST_KEY_FILE", "/nowhere"),
    ],
)
def test_a_wrong_setting_is_named(whole: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(BadConfig, match=f"^{name}: "):
        load({**whole, name: value})
