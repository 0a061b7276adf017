from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.security import access
from memmon.security.access import Caller
from tests.conftest import Clock


def test_a_token_is_known_by_its_name_and_role(ctx: Context) -> None:
    token = access.create(ctx, "grafana", "viewer")
    assert token.startswith("mm_")
    assert access.verify(ctx, token) == Caller("grafana", "viewer")
    assert access.named(ctx, "grafana") == Caller("grafana", "viewer")


@pytest.mark.parametrize("token", ["", "mm_", "nonsense", "é", "\ud800"])
def test_nobody_is_known_by_another_token(sqlite_ctx: Context, token: str) -> None:
    access.create(sqlite_ctx, "grafana", "viewer")
    assert access.verify(sqlite_ctx, token) is None


def test_a_revoked_token_is_worthless_and_stays_on_the_list(ctx: Context, clock: Clock) -> None:
    token = access.create(ctx, "grafana", "viewer")
    access.revoke(ctx, "grafana")
    clock.move(60)
    access.revoke(ctx, "grafana")
    assert access.verify(ctx, token) is None
    assert access.named(ctx, "grafana") is None
    [row] = access.listing(ctx)
    assert row["revoked_at"] == "2026-01-01T00:00:00.000Z"


def test_the_last_use_is_shown_to_the_minute(ctx: Context, clock: Clock) -> None:
    token = access.create(ctx, "grafana", "viewer")
    assert access.listing(ctx)[0]["last_used_at"] is None
    seen = []
    for seconds in (10, 59, 1):
        clock.move(seconds)
        access.verify(ctx, token)
        seen.append(access.listing(ctx)[0]["last_used_at"])
    assert seen == ["2026-01-01T00:00:10.000Z", "2026-01-01T00:00:10.000Z", "2026-01-01T00:01:10.000Z"]


def test_a_database_that_is_busy_keeps_nobody_out(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    token = access.create(sqlite_ctx, "grafana", "viewer")
    with sqlite_ctx.write() as session:
        session.connection()
        with sqlite_ctx.engine.connect() as other:
            # The pooled connection that is used next.
            other.exec_driver_sql("PRAGMA busy_timeout = 10")
        assert access.verify(sqlite_ctx, token) == Caller("grafana", "viewer")


def test_no_token_itself_is_kept(ctx: Context) -> None:
    token = access.create(ctx, "grafana", "admin")
    assert token not in str(access.listing(ctx))


@pytest.mark.parametrize(
    ("name", "role", "field"), [("a", "root", "role"), ("", "viewer", "name"), ("x" * 65, "viewer", "name")]
)
def test_a_token_needs_a_name_and_a_role_that_exist(sqlite_ctx: Context, name: str, role: str, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        access.create(sqlite_ctx, name, role)
    assert caught.value.field == field


def test_a_name_is_given_once_also_to_many_who_ask_at_the_same_time(ctx: Context) -> None:
    def create(_: int) -> str:
        try:
            return access.create(ctx, "grafana", "viewer")
        except Conflict:
            return ""

    with ThreadPoolExecutor(4) as pool:
        created = [token for token in pool.map(create, range(6)) if token]
    assert len(created) == 1
    assert access.verify(ctx, created[0])


def test_a_token_that_is_not_there_cannot_be_revoked(sqlite_ctx: Context) -> None:
    with pytest.raises(NotFound, match="no token called grafana"):
        access.revoke(sqlite_ctx, "grafana")


def test_the_environments_tokens_are_the_administrators_and_the_reporters(
    make_ctx: Callable[..., Context], sqlite_ctx: Context
) -> None:
    ctx = make_ctx(
        MEMMON_DATABASE_URL=sqlite_ctx.settings.database_address,
        MEMMON_API_TOKEN="a" * 16,
        MEMMON_INGEST_KEY="i" * 16,
    )
    assert access.verify(ctx, "a" * 16) == Caller("admin", "admin")
    assert access.verify(ctx, "i" * 16) == Caller("ingest", "ingest")
    assert access.verify(ctx, "a" * 15) is None
