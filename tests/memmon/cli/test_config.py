from pathlib import Path

import yaml

from memmon.cli import config
from memmon.context import Context
from memmon.state import keys
from tests.memmon.cli.conftest import Run


def write(ctx: Context, name: str, text: str) -> Path:
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_the_defaults_are_right(run: Run) -> None:
    done = run("config", "check")
    assert done.exit_code == 0
    assert "the configuration is right: 2 targets" in done.output


def test_a_mistake_is_named_with_file_line_and_key_and_not_applied(run: Run, sqlite_ctx: Context) -> None:
    path = write(sqlite_ctx, "detectors.yml", "detectors:\n- name: brute_force_attack\n  treshold: 3\n")
    for verb in ("check", "reload"):
        done = run("config", verb)
        assert done.exit_code == 2
        assert f"{path}:3: detectors.0.treshold" in done.output
    assert sqlite_ctx.redis.get(keys.config_version()) is None


def test_what_only_another_file_can_tell_to_be_wrong_is_found_too(run: Run, sqlite_ctx: Context) -> None:
    write(sqlite_ctx, "rules.yml", "groups: [{name: a, rules: [{alert: b, expr: 'sum('}]}]")
    assert run("config", "check").exit_code == 2
    write(sqlite_ctx, "rules.yml", "")
    levels = "[{name: l, after: 0s, receivers: [nobody]}]"
    write(sqlite_ctx, "escalation.yml", f"chains: [{{name: operations, levels: {levels}}}]")
    done = run("config", "check")
    assert done.exit_code == 2
    assert "no receiver nobody" in done.output


def test_reload_lets_every_process_read_the_files_again(run: Run, sqlite_ctx: Context) -> None:
    sqlite_ctx.refresh_config()
    write(sqlite_ctx, "targets.yml", "targets: [{name: second, kind: host}]")
    assert run("config", "reload").exit_code == 0
    sqlite_ctx.now.move(2)  # type: ignore[attr-defined]
    sqlite_ctx.refresh_config()
    assert sqlite_ctx.config.targets.get("second")


def test_what_is_shown_holds_no_secret(run: Run, sqlite_ctx: Context) -> None:
    write(
        sqlite_ctx,
        "routes.yml",
        "global: {smtp_auth_password: hunter2}\nroute: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs:\n"
        "  - url: https://hooks.example.org/T0/hunter2\n    http_config: {headers: {X-Key: hunter2}}\n"
        "  email_configs: [{to: a@example.org, auth_password: hunter2}]\n",
    )
    done = run("config", "show", "routes")
    assert done.exit_code == 0
    assert "hunter2" not in done.output
    body = yaml.safe_load(done.output)["routes"]
    assert body["receivers"][0]["webhook_configs"][0]["url"] == "https://hooks.example.org/<secret>"
    assert run("config", "show", "nonsense").exit_code == 2


def test_only_what_lets_somebody_in_is_masked() -> None:
    arguments = {"auth_password": "a", "password_file": "/p", "token": "t", "url": "https://a/b", "auth_username": "u"}
    assert config.masked(arguments) == {**arguments, "auth_password": "<secret>", "token": "<secret>"}
