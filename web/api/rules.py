"""GET /api/rules/report, POST /api/rules/check and /backtest of rules that nobody has saved, PUT
and DELETE of rule files.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from flask import Blueprint, Response
from pydantic import ValidationError

from memmon import config, duration, validation_messages
from memmon.alerts import rule
from memmon.analysis.backtest import backtest
from memmon.analysis.rule_report import rule_report
from memmon.config.routes import Routes
from memmon.config.rules import RuleFile
from memmon.errors import BadConfig, BadInput
from web import auth, http

blueprint = Blueprint("rules", __name__, url_prefix="/api/rules")

MAX_TEXT = 256 * 1024
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@blueprint.get("/report")
def report() -> Response:
    """Return how the rules did in the last `days`."""
    return http.json_response(rule_report(http.context(), http.float_parameter("days", 30, 0.01, 366) * 86400))


@blueprint.post("/check")
@auth.require_role("viewer")
def check() -> Response:
    """Say whether `rules`, the text of a rule file, are right."""
    book = rule.book(_rules(http.json_fields("rules")))
    return http.json_response({"groups": len(book.groups), "rules": len(book.ids)})


@blueprint.post("/backtest")
@auth.require_role("viewer")
def run_backtest() -> Response:
    """Return what `rules` (and `routes`, those in force by default) would have done in the time
    `since`, a day by default.
    """
    body = http.json_fields("rules", "routes", "since")
    routes = _read(body, "routes", Routes) if "routes" in body else None
    seconds = duration.parse(http.text_field(body, "since", "1d", 32), "since")
    return http.json_response(backtest(http.context(), _rules(body), seconds, routes))


@blueprint.put("/files/<name>")
@auth.require_role("admin")
def save(name: str) -> Response:
    """Write `rules` to the operator's `rules/<name>.yml` and apply them; groups of the same name
    there are replaced.
    """
    ctx, body = http.context(), http.json_fields("rules")
    rule_file = _rules(body)
    config.save_rules(ctx.settings, _name(name), http.text_field(body, "rules", max_length=MAX_TEXT))
    ctx.publish_config_change()
    return http.json_response(
        {"name": name, "groups": [group.name for group in rule_file.groups], "rules": len(rule.book(rule_file).ids)}
    )


@blueprint.delete("/files/<name>")
@auth.require_role("admin")
def remove(name: str) -> Response:
    """Remove `rules/<name>.yml`; its alerts end."""
    ctx = http.context()
    config.save_rules(ctx.settings, _name(name), "")
    ctx.publish_config_change()
    return http.json_response({"name": name, "rules": 0})


def _name(text: str) -> str:
    if not FILE_NAME.fullmatch(text):
        raise BadInput("name", "must be of letters, digits, - and _, at most 64")
    return text


def _rules(body: dict[str, Any]) -> RuleFile:
    rule_file: RuleFile = _read(body, "rules", RuleFile)
    try:
        rule.book(rule_file)
    except BadConfig as error:
        raise BadInput("rules", str(error)) from None
    return rule_file


def _read(body: dict[str, Any], name: str, model: Any) -> Any:
    """Return what a text of YAML says."""
    try:
        return model.model_validate(yaml.safe_load(http.text_field(body, name, max_length=MAX_TEXT)) or {})
    except yaml.YAMLError as error:
        raise BadInput(name, f"is no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(name, f"{'.'.join(map(str, first['loc']))}: {validation_messages.of(first)}") from None
