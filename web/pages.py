"""The pages that people look at: the overview, the rules, one alert, one incident, the runbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from memmon.errors import NotFound, Transient
from web import charts, formatting, hero, http, overview
from web.cache import TtlCache

blueprint = Blueprint("pages", __name__)

RUNBOOK = Path(__file__).parent.parent / "docs" / "runbook.md"
CHART_CACHE_SECONDS = 5.0
"""Seconds for which all who look at the same window are shown one calculation."""


@blueprint.record_once
def _teach(state: Any) -> None:
    """Register the formatting filters with the templates, and a cache of rendered charts with the
    application.
    """
    state.app.extensions["drawn"] = TtlCache(CHART_CACHE_SECONDS)
    state.app.jinja_env.filters.update(formatting.FILTERS)
    state.app.jinja_env.globals.update(drawn=charts.CHARTS, waited=hero.escalation_wait)
    state.app.jinja_env.trim_blocks = state.app.jinja_env.lstrip_blocks = True


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Send to the dashboard."""
    return redirect(url_for("pages.dashboard"))


@blueprint.get("/dashboard")
def dashboard() -> str:
    """Show the overview."""
    return render_template("overview.html", **overview.load_overview(http.context()))


@blueprint.get("/dashboard/charts")
def chart_points() -> Response:
    """Return what the charts draw over `?window=` seconds."""
    ctx = http.context()
    window = http.int_arg("window", 3600, 1, max(charts.STEP_BY_WINDOW))
    recent: TtlCache = current_app.extensions["drawn"]
    return http.json_response(recent.get(window, lambda: charts.chart_data(ctx, window)))


@blueprint.get("/dashboard/rules")
def rules() -> ResponseReturnValue:
    """Show every rule and how it did, and let one be tried over history."""
    try:
        return render_template("rules.html", **overview.load_rules(http.context()))
    except Transient as error:
        return render_template("missing.html", message=f"this cannot be read just now: {error}"), 503


@blueprint.get(f"/dashboard/incidents/{http.id_segment('incident_id')}")
def incident(incident_id: int) -> ResponseReturnValue:
    """Show one incident."""
    try:
        return render_template(
            "incident.html", **overview.load_incident(http.context(), incident_id, current_app.extensions["drawn"])
        )
    except NotFound as error:
        return render_template("missing.html", message=str(error)), 404
    except Transient as error:
        return render_template("missing.html", message=f"this cannot be read just now: {error}"), 503


@blueprint.get(f"/dashboard/alerts/{http.id_segment('alert_id')}")
def alert(alert_id: int) -> ResponseReturnValue:
    """Show the decision trace of an alert."""
    try:
        return render_template("alert.html", **overview.load_alert(http.context(), alert_id))
    except NotFound as error:
        return render_template("missing.html", message=str(error)), 404
    except Transient as error:
        return render_template("missing.html", message=f"this cannot be read just now: {error}"), 503


@blueprint.get("/runbook")
def runbook() -> ResponseReturnValue:
    """Show the runbook's sections as text, each with an anchor."""
    if not RUNBOOK.exists():
        return render_template("missing.html", message="the runbook is not installed with this copy of memmon"), 404
    return render_template("runbook.html", sections=parse_sections(RUNBOOK.read_text(encoding="utf-8")))


def parse_sections(text: str) -> list[dict[str, str]]:
    """Return the sections of a Markdown text: {id, title, text}, ids as GitHub makes them."""
    parsed_sections = []
    for block in re.split(r"^#{1,2} ", text, flags=re.MULTILINE)[1:]:
        title, _, content = block.partition("\n")
        anchor = re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        parsed_sections.append({"id": anchor, "title": title, "text": content.strip()})
    return parsed_sections
