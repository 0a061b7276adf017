"""/act/<token>: a link in a message that acknowledges, approves or rejects without signing in.

A GET changes nothing, because mail scanners open links. The page has one button, and a repeated use
changes nothing.
"""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from memmon import secret
from memmon.context import Context
from memmon.errors import Conflict, NotFound, Refused, Transient
from memmon.incidents import links, service
from memmon.incidents.links import Link
from web import auth, http
from workers.base import enqueue

blueprint = Blueprint("links", __name__)

INVALID_LINK_MESSAGE = "This link is invalid or has expired. Use the incident's page instead."


@blueprint.get("/act/<token>")
@auth.require_role("open")
def look(token: str) -> ResponseReturnValue:
    """Show what the link would do."""
    ctx = http.context()
    link = _link(ctx, token)
    if link is None:
        return render_template("missing.html", message=INVALID_LINK_MESSAGE), 404
    try:
        incident = service.show(ctx, link.incident)
    except NotFound as error:
        return render_template("missing.html", message=str(error)), 404
    except Transient as error:
        return render_template("missing.html", message=f"this cannot be read just now: {error}"), 503
    action = next((candidate for candidate in incident["actions"] if candidate["number"] == link.action), None)
    return render_template(
        "act.html", link=link, token=token, incident=incident, action=action, done=None, now=ctx.now()
    )


@blueprint.post("/act/<token>")
@auth.require_role("open")
def do(token: str) -> ResponseReturnValue:
    """Do it."""
    ctx = http.context()
    link = _link(ctx, token)
    if link is None:
        return render_template("missing.html", message=INVALID_LINK_MESSAGE), 404
    try:
        incident, jobs = _act(ctx, link)
    except (Conflict, NotFound, Refused) as error:
        return render_template("missing.html", message=str(error)), 409
    enqueue(jobs)
    words = {"acknowledge": "Acknowledged: nobody else is paged.", "approve": "Approved.", "reject": "Rejected."}
    return render_template(
        "act.html", link=link, token=token, incident=incident, action=None, done=words[link.verb], now=ctx.now()
    )


def _link(ctx: Context, token: str) -> Link | None:
    return links.read(secret.key(ctx.settings, "link"), token, ctx.now())


def _act(ctx: Context, link: Link) -> service.Answer:
    by = f"{link.receiver} (by link)"
    if link.verb == "acknowledge":
        return service.acknowledge(ctx, link.incident, by)
    section = ctx.config.escalation
    known_as = [contact.name for contact in section.contacts if link.receiver in contact.receivers] + [link.receiver]
    return service.decide(ctx, link.incident, link.action, link.verb == "approve", by, known_as=known_as)
