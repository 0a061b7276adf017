import json

from memmon.context import Context
from memmon.security import access
from tests.memmon.cli.conftest import Run


def test_a_token_is_made_works_and_is_revoked(run: Run, sqlite_ctx: Context) -> None:
    created = run("users", "token", "grafana", "--role", "viewer")
    assert created.exit_code == 0
    assert access.verify(sqlite_ctx, created.output.strip()) == access.Caller("grafana", "viewer")
    (row,) = json.loads(run("users", "list", "--json").output)
    assert (row["name"], row["role"], row["revoked_at"]) == ("grafana", "viewer", None)
    assert created.output.strip() not in run("users", "list").output
    assert run("users", "revoke", "grafana").exit_code == 0
    assert access.verify(sqlite_ctx, created.output.strip()) is None


def test_a_name_is_given_once_and_an_unknown_one_not_revoked(run: Run) -> None:
    assert run("users", "token", "ann").exit_code == 0
    again = run("users", "token", "ann")
    assert (again.exit_code, again.output) == (1, "memmon: there is a token called ann already\n")
    assert run("users", "revoke", "bob").output == "memmon: no token called bob\n"
    assert run("users", "token", "eve", "--role", "king").exit_code == 2
