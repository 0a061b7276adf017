"""Who may call memmon: tokens with a role. Of a stored token only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, NamedTuple

from sqlalchemy import select

from memmon import encode
from memmon.context import Context
from memmon.db.tables import TokenRow
from memmon.errors import BadInput, Conflict, NotFound

ROLES = ("viewer", "operator", "admin", "ingest")


class Caller(NamedTuple):
    """Who calls, and as what."""

    name: str
    role: str


def verify(ctx: Context, token: str) -> Caller | None:
    """Return who has this token; None for nobody. The environment's two are compared in constant time."""
    for secret, caller in (
        (ctx.settings.api_token, Caller("admin", "admin")),
        (ctx.settings.ingest_key, Caller("ingest", "ingest")),
    ):
        if secret and hmac.compare_digest(secret.get_secret_value().encode(), token.encode()):
            return caller
    with ctx.read() as session:
        query = select(TokenRow).where(TokenRow.digest == _digest(token), TokenRow.revoked_at.is_(None))
        row = session.scalars(query).first()
        return Caller(row.name, row.role) if row else None


def create(ctx: Context, name: str, role: str) -> str:
    """Make a token; it is returned this once and cannot be had again."""
    if role not in ROLES:
        raise BadInput("role", f"must be one of {', '.join(ROLES)}")
    if not name or len(name) > 64:
        raise BadInput("name", "must have 1 to 64 characters")
    token = f"mm_{secrets.token_urlsafe(32)}"
    with ctx.write() as session:
        if session.scalar(select(TokenRow.id).where(TokenRow.name == name)) is not None:
            raise Conflict(f"there is a token called {name} already")
        session.add(TokenRow(name=name, role=role, digest=_digest(token), created_at=ctx.now()))
    return token


def revoke(ctx: Context, name: str) -> None:
    """Make a token worthless."""
    with ctx.write() as session:
        row = session.scalars(select(TokenRow).where(TokenRow.name == name)).first()
        if row is None:
            raise NotFound(f"no token called {name}")
        row.revoked_at = ctx.now()


def listing(ctx: Context) -> list[dict[str, Any]]:
    """Return every token's name, role and times."""
    with ctx.read() as session:
        rows = session.scalars(select(TokenRow).order_by(TokenRow.name))
        return [
            {
                "name": row.name,
                "role": row.role,
                "created_at": encode.iso(row.created_at),
                "revoked_at": encode.iso(row.revoked_at),
            }
            for row in rows
        ]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
