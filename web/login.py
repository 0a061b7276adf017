"""Signing in and out: GET/POST /login, POST /logout, GET /api/session."""

from __future__ import annotations

from collections import deque

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from memmon.security import access
from web import auth, http, origin, session
from web.errors import Forbidden, TooOften, Unauthorized

blueprint = Blueprint("login", __name__)

ATTEMPTS, WITHIN = 10, 300.0
"""Wrong tokens of one address within so many seconds after which it must wait."""

MOST_ADDRESSES = 10_000


class Attempts:
    """The wrong tokens of each address, the oldest forgotten first."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}

    def wait(self, address: str, now: float) -> float:
        """Return the seconds that this address must wait before it may try again."""
        failed = self._failed.get(address, deque())
        while failed and failed[0] <= now - WITHIN:
            failed.popleft()
        return failed[0] + WITHIN - now if len(failed) >= ATTEMPTS else 0.0

    def failed(self, address: str, now: float) -> None:
        """Keep a wrong one."""
        self._failed.setdefault(address, deque(maxlen=ATTEMPTS)).append(now)
        while len(self._failed) > MOST_ADDRESSES:
            self._failed.pop(next(iter(self._failed)))


attempts = Attempts()


@blueprint.get("/login")
@auth.needs("open")
def form() -> ResponseReturnValue:
    """Show the page that asks for a token."""
    return render_template("login.html", next=_target(), error=None)


@blueprint.post("/login")
@auth.needs("open")
def sign_in() -> ResponseReturnValue:
    """Take a token, as a form's field or as JSON, and answer with the cookie."""
    ctx, address = http.context(), request.remote_addr or ""
    if not origin.is_same_origin(ctx.settings):
        raise Forbidden("the request comes from a page of somebody else")
    wait = attempts.wait(address, ctx.now())
    if wait:
        raise TooOften("too many wrong tokens from this address", wait)
    token = http.words(http.fields("token") if request.is_json else request.form, "token", longest=500).strip()
    found = access.verify(ctx, token)
    if found is None or found.role == "ingest":
        attempts.failed(address, ctx.now())
        text = "This token is not known, was revoked, or can only write events."
        if not request.is_json:
            return render_template("login.html", next=_target(), error=text), 401
        raise Unauthorized(text)
    begun = session.begin(found)
    response = http.answer(_shown(begun)) if request.is_json else http.redirect(_target())
    session.keep(ctx, begun, token, response)
    return response


@blueprint.post("/logout")
@auth.needs("open")
def sign_out() -> Response:
    """Forget the cookie."""
    ctx = http.context()
    signed_in = session.current(ctx)
    if signed_in:
        session.check_csrf(signed_in)
    response = http.answer(_shown(None))
    session.end(ctx, response)
    return response


@blueprint.get("/api/session")
@auth.needs("open")
def shown() -> Response:
    """Say who is signed in, and the CSRF token of writes."""
    ctx = http.context()
    signed_in = session.current(ctx)
    if signed_in:
        return http.answer(_shown(signed_in))
    try:
        found = auth.identify(ctx, "viewer")
    except Unauthorized:
        return http.answer(_shown(None))
    return http.answer({**_shown(None), "name": found.name, "role": found.role})


def _shown(found: session.Session | None) -> dict[str, object]:
    return {
        "signed_in": found is not None,
        "name": found.caller.name if found else None,
        "role": found.caller.role if found else None,
        "csrf": found.csrf if found else None,
    }


def _target() -> str:
    """Return where to go after the login: a page of memmon's own, whatever the address says."""
    given = str(request.values.get("next", "/dashboard"))
    own = given.startswith("/") and not given.startswith("//") and given.isprintable() and "\\" not in given
    return given if own else "/dashboard"
