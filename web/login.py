"""Signing in and out: GET/POST /login, POST /logout, GET /api/session."""

from __future__ import annotations

from collections import deque

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from memmon.security import access
from web import auth, http, origin, session
from web.errors import Forbidden, TooManyAttempts, Unauthorized

blueprint = Blueprint("login", __name__)

MAX_ATTEMPTS, ATTEMPT_WINDOW = 10, 300.0
"""Wrong tokens of one address within this many seconds before it must wait."""

MAX_ADDRESSES = 10_000


class LoginThrottle:
    """The wrong tokens of each address, the oldest forgotten first."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}

    def retry_after(self, address: str, now: float) -> float:
        """Return the seconds that this address must wait before it may try again."""
        failed = self._failed.get(address, deque())
        while failed and failed[0] <= now - ATTEMPT_WINDOW:
            failed.popleft()
        return failed[0] + ATTEMPT_WINDOW - now if len(failed) >= MAX_ATTEMPTS else 0.0

    def record_failure(self, address: str, now: float) -> None:
        """Keep a wrong one."""
        self._failed.setdefault(address, deque(maxlen=MAX_ATTEMPTS)).append(now)
        while len(self._failed) > MAX_ADDRESSES:
            self._failed.pop(next(iter(self._failed)))


login_throttle = LoginThrottle()


@blueprint.get("/login")
@auth.require_role("open")
def form() -> ResponseReturnValue:
    """Show the page that asks for a token."""
    return render_template("login.html", next=_target(), error=None)


@blueprint.post("/login")
@auth.require_role("open")
def sign_in() -> ResponseReturnValue:
    """Take a token, as a form's field or as JSON, and answer with the cookie."""
    ctx, address = http.context(), request.remote_addr or ""
    if not origin.is_same_origin(ctx.settings):
        raise Forbidden("the request comes from a page of another origin")
    wait = login_throttle.retry_after(address, ctx.now())
    if wait:
        raise TooManyAttempts("too many wrong tokens from this address", wait)
    token = http.text_field(
        http.json_fields("token") if request.is_json else request.form, "token", max_length=500
    ).strip()
    caller = access.verify(ctx, token)
    if caller is None or caller.role == "ingest":
        login_throttle.record_failure(address, ctx.now())
        text = "This token is not known, was revoked, or can only write events."
        if not request.is_json:
            return render_template("login.html", next=_target(), error=text), 401
        raise Unauthorized(text)
    begun = session.create_session(caller)
    response = http.json_response(_shown(begun)) if request.is_json else http.redirect(_target())
    session.set_cookie(ctx, begun, token, response)
    return response


@blueprint.post("/logout")
@auth.require_role("open")
def sign_out() -> Response:
    """Forget the cookie."""
    ctx = http.context()
    signed_in = session.current(ctx)
    if signed_in:
        session.check_csrf(signed_in)
    response = http.json_response(_shown(None))
    session.clear_cookie(ctx, response)
    return response


@blueprint.get("/api/session")
@auth.require_role("open")
def show_login() -> Response:
    """Say who is signed in, and the CSRF token of writes."""
    ctx = http.context()
    signed_in = session.current(ctx)
    if signed_in:
        return http.json_response(_shown(signed_in))
    try:
        caller = auth.authenticate(ctx, "viewer")
    except Unauthorized:
        return http.json_response(_shown(None))
    return http.json_response({**_shown(None), "name": caller.name, "role": caller.role})


def _shown(browser_session: session.Session | None) -> dict[str, object]:
    return {
        "signed_in": browser_session is not None,
        "name": browser_session.caller.name if browser_session else None,
        "role": browser_session.caller.role if browser_session else None,
        "csrf": browser_session.csrf if browser_session else None,
    }


def _target() -> str:
    """Return the page after the login, always one of memmon's own."""
    target = str(request.values.get("next", "/dashboard"))
    is_local = target.startswith("/") and not target.startswith("//") and target.isprintable() and "\\" not in target
    return target if is_local else "/dashboard"
