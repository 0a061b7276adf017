"""The browser's session: a signed cookie, so that any web process of this machine can read it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple

from flask import Response, request
from itsdangerous import BadData, URLSafeSerializer

from memmon import secret
from memmon.context import Context
from memmon.errors import Transient
from memmon.security import access
from memmon.security.access import Caller
from web import http, origin
from web.errors import Forbidden

SESSION_SECONDS = 12 * 3600.0


class Session(NamedTuple):
    """Who is signed in, and what a write must send as X-CSRF-Token."""

    caller: Caller
    csrf: str


def _key(ctx: Context) -> bytes:
    return secret.key(ctx.settings, "session")


def _serializer(ctx: Context) -> URLSafeSerializer:
    return URLSafeSerializer(_key(ctx), salt="memmon session", signer_kwargs={"digest_method": hashlib.sha256})


def _cookie(ctx: Context) -> str:
    """Cookies know no port: each stack of a machine has a name of its own."""
    return f"memmon_{hashlib.sha256(bytes(ctx.settings.home)).hexdigest()[:8]}"


def current(ctx: Context) -> Session | None:
    """Return the valid session of this request, or None."""
    cookie = request.cookies.get(_cookie(ctx))
    if not cookie:
        return None
    try:
        content = _serializer(ctx).loads(cookie)
    except BadData:
        return None
    if not ctx.now() < content["until"]:
        return None
    try:
        caller = _still(ctx, content["name"], content["mark"])
    except Transient:
        # While SQL is away the session may read, but change nothing.
        caller = Caller(content["name"], "viewer")
    return Session(caller, content["csrf"]) if caller else None


def _still(ctx: Context, name: str, mark: str | None) -> Caller | None:
    """Return the caller as the token that signed in stands now: it may have been revoked, or
    changed in the environment.
    """
    if mark is None:
        return access.named(ctx, name)
    api_token = ctx.settings.api_token
    same = api_token is not None and hmac.compare_digest(mark, _mark(ctx, api_token.get_secret_value()))
    return Caller(name, "admin") if same else None


def _mark(ctx: Context, token: str) -> str:
    """Return an identifier of an environment token that does not reveal it."""
    return hmac.new(_key(ctx), token.encode(), hashlib.sha256).hexdigest()


def check_csrf(session: Session) -> None:
    """Raise Forbidden unless memmon's own page has sent the request."""
    token = request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(token.encode(), session.csrf.encode()):
        raise Forbidden("the header X-CSRF-Token is missing or wrong; GET /api/session gives its value")
    if not origin.is_same_origin(http.context().settings):
        raise Forbidden("the request comes from a page of another origin")


def create_session(caller: Caller) -> Session:
    """Return a new session of `caller`."""
    return Session(caller, secrets.token_urlsafe(24))


def set_cookie(ctx: Context, session: Session, token: str, response: Response) -> None:
    """Let `response` carry the session, which ends with the token that it was begun with."""
    api_token = ctx.settings.api_token
    of_environment = api_token is not None and hmac.compare_digest(
        api_token.get_secret_value().encode(), token.encode()
    )
    content = {
        "name": session.caller.name,
        "mark": _mark(ctx, token) if of_environment else None,
        "csrf": session.csrf,
        "until": ctx.now() + SESSION_SECONDS,
    }
    signed = str(_serializer(ctx).dumps(content))
    response.set_cookie(
        _cookie(ctx), signed, max_age=int(SESSION_SECONDS), httponly=True, samesite="Strict", secure=request.is_secure
    )


def clear_cookie(ctx: Context, response: Response) -> None:
    """Let `response` sign out."""
    response.delete_cookie(_cookie(ctx), httponly=True, samesite="Strict")
