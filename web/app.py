"""The Flask application. It is made without Redis or SQL: it has to say which of them is away."""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, g, request

from memmon import logs
from memmon.context import Context
from web import auth, errors, headers, http, links, live, login, pages
from web.api import BLUEPRINTS
from web.live_feed import LiveFeed

log = logging.getLogger(__name__)


def create_app(ctx: Context | None = None) -> Flask:
    """Return the application on `ctx`, by default on the environment's settings."""
    app = Flask("web")
    app.config["MEMMON_CONTEXT"] = ctx
    app.config["MAX_CONTENT_LENGTH"] = http.MIB
    app.config["SOCK_SERVER_OPTIONS"] = live.SERVER_OPTIONS
    app.extensions["memmon_hub"] = LiveFeed(lambda: http.context_of(app))
    app.url_map.strict_slashes = False
    app.before_request(_prepare)
    auth.register(app)
    errors.register(app)
    headers.register(app)
    app.after_request(_log_write)
    for blueprint in (login.blueprint, links.blueprint, live.blueprint, pages.blueprint, *BLUEPRINTS):
        app.register_blueprint(blueprint)
    app.add_url_rule("/healthz", "healthz", auth.require_role("open")(_healthz))
    if ctx is None:
        settings = http.context_of(app).settings
        logs.setup(settings.log_path, settings.log_level)
        app.extensions["memmon_hub"].start()
    return app


def _prepare() -> None:
    """Refresh the configuration, and limit the body to the size that the view allows."""
    hub = current_app.extensions["memmon_hub"]
    # A Redis that hangs would hold up every page.
    if hub.is_redis_up and request.endpoint not in ("static", "healthz"):
        http.context().refresh_config()
    size = getattr(http.current_view(), "memmon_size", None)
    if size:
        request.max_content_length = size


def _healthz() -> Response:
    """Say that this process answers, and nothing else."""
    return http.text_response("ok\n", "text/plain; charset=utf-8")


def _log_write(response: Response) -> Response:
    """Keep who changed what. Reports of clients come all the time, and are no change by anybody."""
    caller = g.get("caller")
    if response.status_code < 400 and auth.required_role() in ("operator", "admin") and caller:
        log.info("%s %s by %s (%s)", request.method, request.path, caller.name, caller.role)
    return response
