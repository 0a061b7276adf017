from pathlib import Path

import pytest

from memmon.errors import BadConfig
from memmon.settings import load


def test_the_defaults_are_those_of_the_runbook(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path)})
    assert (settings.dashboard_port, settings.dashboard_host) == (8080, "127.0.0.1")
    assert settings.health_check_interval == settings.alert_evaluation_interval == 30
    assert settings.intervals == {"critical": 10, "standard": 30, "detailed": 60}
    assert settings.alert_email is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEMMIMIC_DASHBOARD_PORT", "http"),
        ("MEMMIMIC_DASHBOARD_PORT", "70000"),
        ("MEMMIMIC_HEALTH_CHECK_INTERVAL", "0"),
        ("MEMMIMIC_ALERT_EMAIL", "nobody"),
        ("MEMMIMIC_ALERT_WEBHOOK", "ftp://x"),
        ("MEMMIMIC_WEBHOOK_HEADERS", "X-Team: night"),
        ("MEMMIMIC_WEBHOOK_HEADERS", '["X-Team"]'),
        ("MEMMIMIC_WEBHOOK_HEADERS", '{"X-Team": 1}'),
        ("MEMMIMIC_WEBHOOK_HEADERS", '{"X Team": "night"}'),
        ("MEMMIMIC_WEBHOOK_HEADERS", '{"X-Team": "a\\nb"}'),
        ("MEMMON_REDIS_URL", "http://x"),
        ("MEMMON_DATABASE_URL", "mysql://x"),
        ("MEMMON_API_TOKEN", "short"),
        ("MEMMON_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadConfig, match=f"^{name}: "):
        load({"HOME": "/nowhere", name: value})


@pytest.mark.parametrize(
    ("name", "value", "output"),
    [
        ("MEMMIMIC_DASHBOARD_PORT", "abc", "must be a whole number between 0 and 65535 (got 'abc')"),
        ("MEMMIMIC_HEALTH_CHECK_INTERVAL", "0", "must be a number between 1 and 3600 (got '0')"),
        ("MEMMON_STANDARD_INTERVAL", "x", "must be a number between 1 and 3600 (got 'x')"),
        ("MEMMIMIC_ALERT_EMAIL", "ops", "must be an e-mail address like ops@example.org (got 'ops')"),
        ("MEMMIMIC_ALERT_WEBHOOK", "hooks.example/T0/secret", "must be an address like https://host/path"),
        ("MEMMON_API_TOKEN", "short", "must be at least 16 long"),
        ("MEMMON_LOG_LEVEL", "loud", "must be DEBUG, INFO, WARNING or ERROR (got 'loud')"),
        ("MEMMON_REDIS_URL", "http://x", "must begin with redis://, rediss:// or unix://"),
    ],
)
def test_a_refusal_says_what_is_allowed(name: str, value: str, output: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load({"HOME": "/nowhere", name: value})
    assert str(caught.value) == f"{name}: {output}"


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(BadConfig) as caught:
        load({"MEMMIMIC_DASHBOARD_PORT": "x", "MEMMON_LOG_LEVEL": "x"})
    assert "MEMMIMIC_DASHBOARD_PORT" in str(caught.value)
    assert "MEMMON_LOG_LEVEL" in str(caught.value)


def test_a_refusal_does_not_show_a_secret() -> None:
    with pytest.raises(BadConfig) as caught:
        load({"MEMMON_API_TOKEN": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    settings = load({"MEMMON_API_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(settings)


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="MEMMON_API_TOKEN_FILE"):
        load({"MEMMON_API_TOKEN_FILE": str(tmp_path / "none")})


def test_postgresql_addresses_get_their_driver() -> None:
    for scheme in ("postgres", "postgresql"):
        settings = load({"MEMMON_DATABASE_URL": f"{scheme}://u@h/d"})
        assert settings.database_address == "postgresql+psycopg://u@h/d"


def test_everything_is_inside_a_home_of_its_own(tmp_path: Path) -> None:
    settings = load({"MEMMON_HOME": str(tmp_path)})
    for path in (settings.config_folder, settings.log_path, settings.run_dir, settings.redis_socket):
        assert path.is_relative_to(tmp_path)
    assert settings.database_address == f"sqlite:///{tmp_path}/memmon.db"


def test_a_header_that_may_be_a_secret_is_not_shown() -> None:
    with pytest.raises(BadConfig) as caught:
        load({"HOME": "/nowhere", "MEMMIMIC_WEBHOOK_HEADERS": "Bearer hunter2"})
    assert "hunter2" not in str(caught.value)
