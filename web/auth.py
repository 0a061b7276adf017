"""Who may call what, decided before every view.

A view needs the role `viewer` for GET and HEAD and `operator` for anything else; `needs` says
otherwise. What needs no more than `viewer` is open to callers on this machine, unless a proxy
stands between.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from memmon.context import Context
from memmon.security import access
from memmon.security.access import Caller
from web import http, origin, session
from web.errors import Forbidden, Unauthorized
from web.http import View

PERMITTED_ROLES = {
    "viewer": ("viewer", "operator", "admin"),
    "ingest": ("ingest", "operator", "admin"),
    "operator": ("operator", "admin"),
    "admin": ("admin",),
}
"""Who may do what needs a role."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LOCAL_CALLER = Caller("local", "viewer")


def require_role(role: str) -> Callable[[View], View]:
    """Let a view need `role`: viewer (a POST that reads), ingest, operator, admin, or `open` for
    nobody's leave.
    """

    def mark(view: View) -> View:
        view.memmon_needs = role  # type: ignore[attr-defined]
        return view

    return mark


def register(app: Flask) -> None:
    """Ask before every request of `app`."""
    app.before_request(_check)


def _check() -> ResponseReturnValue | None:
    need = required_role()
    if need == "open":
        return None
    try:
        g.caller = authenticate(http.context(), need)
    except Unauthorized:
        if request.method == "GET" and request.blueprint == "pages" and request.accept_mimetypes.accept_html:
            return redirect(url_for("login.form", next=request.full_path.rstrip("?")))
        raise
    if g.caller.role not in PERMITTED_ROLES[need]:
        raise Forbidden(f"this needs the role {need}; {g.caller.name} is {g.caller.role}")
    return None


def required_role() -> str:
    """Return the role that this request needs."""
    view = http.current_view()
    if request.endpoint == "static":
        return "open"
    default = "viewer" if request.method in SAFE_METHODS else "operator"
    return str(getattr(view, "memmon_needs", default))


def authenticate(ctx: Context, role: str) -> Caller:
    """Return the caller; raise Unauthorized for an unknown one where authentication is required."""
    header = request.headers.get("Authorization")
    if header is not None:
        return _of_token(ctx, header, role)
    signed_in = session.current(ctx)
    if signed_in:
        if request.method not in SAFE_METHODS and role != "viewer":
            session.check_csrf(signed_in)
        return signed_in.caller
    if role == "viewer" and origin.is_local(ctx.settings):
        return LOCAL_CALLER
    raise Unauthorized("a token is needed: Authorization: Bearer TOKEN")


def _of_token(ctx: Context, header: str, need: str) -> Caller:
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "basic" and need == "ingest":
        # What pushes may know no other way than user and password. Only there: a browser sends
        # those along on its own.
        token = request.authorization.password if request.authorization and request.authorization.password else ""
    elif scheme.lower() != "bearer":
        token = ""
    if not token.strip():
        raise Unauthorized("the header must be Authorization: Bearer TOKEN")
    caller = access.verify(ctx, token.strip())
    if caller is None:
        raise Unauthorized("this token is not known, or was revoked")
    return caller
