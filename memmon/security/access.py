"""Who may call memmon: tokens with a role. Of a stored token only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from typing import Any, NamedTuple

from sqlalchemy import select, update

from memmon import encode
from memmon.context import Context
from memmon.db import upsert
from memmon.errors import BadInput, Conflict, NotFound, Transient
from memmon.security.tables import TokenRow

log = logging.getLogger(__name__)

USE_NOTED_EVERY = 60.0
ROLES = ("viewer", "operator", "admin", "ingest")


class Caller(NamedTuple):
    """Who calls, and as what."""

    name: str
    role: str


def verify(ctx: Context, token: str) -> Caller | None:
    """Return who has this token; None for nobody. The environment's two are compared in constant
    time.
    """
    for secret, caller in (
        (ctx.settings.api_token, Caller("admin", "admin")),
        (ctx.settings.ingest_key, Caller("ingest", "ingest")),
    ):
        if secret and hmac.compare_digest(secret.get_secret_value().encode(), token.encode(errors="replace")):
            return caller
    with ctx.read() as session:
        query = select(TokenRow).where(TokenRow.digest == _digest(token), TokenRow.revoked_at.is_(None))
        row = session.scalars(query).first()
    if row is None:
        return None
    _note_use(ctx, row)
    return Caller(row.name, row.role)


def _note_use(ctx: Context, row: TokenRow) -> None:
    """Keep when a token was last used, to the minute: not every request is worth a write."""
    now = ctx.now()
    if row.last_used_at is not None and now - row.last_used_at < USE_NOTED_EVERY:
        return
    try:
        with ctx.write() as session:
            session.execute(update(TokenRow).where(TokenRow.id == row.id).values(last_used_at=now))
    except Transient as error:  # Who may call must not depend on whether that can be written down.
        log.warning("the use of token %s could not be noted: %s", row.name, error)


def named(ctx: Context, name: str) -> Caller | None:
    """Return the caller with the stored token of this name, or None if it does not exist or was
    revoked.
    """
    with ctx.read() as session:
        query = select(TokenRow).where(TokenRow.name == name, TokenRow.revoked_at.is_(None))
        row = session.scalars(query).first()
        return Caller(row.name, row.role) if row else None


def create(ctx: Context, name: str, role: str) -> str:
    """Create a token and return it; only its hash is stored."""
    if role not in ROLES:
        raise BadInput("role", f"must be one of {', '.join(ROLES)}")
    if not name or len(name) > 64:
        raise BadInput("name", "must have 1 to 64 characters")
    token = f"mm_{secrets.token_urlsafe(32)}"
    with ctx.write() as session:
        values = {"name": name, "role": role, "digest": _digest(token), "created_at": ctx.now()}
        if not upsert.insert_new(session, TokenRow, [values]):
            raise Conflict(f"there is a token called {name} already")
    return token


def revoke(ctx: Context, name: str) -> None:
    """Make a token worthless."""
    with ctx.write() as session:
        row = session.scalars(select(TokenRow).where(TokenRow.name == name)).first()
        if row is None:
            raise NotFound(f"no token called {name}")
        row.revoked_at = row.revoked_at or ctx.now()


def listing(ctx: Context) -> list[dict[str, Any]]:
    """Return every token's name, role and times."""
    with ctx.read() as session:
        rows = session.scalars(select(TokenRow).order_by(TokenRow.name))
        return [
            {
                "name": row.name,
                "role": row.role,
                "created_at": encode.iso(row.created_at),
                "last_used_at": encode.iso(row.last_used_at),
                "revoked_at": encode.iso(row.revoked_at),
            }
            for row in rows
        ]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
