"""Add an assessment of the current state to the timeline. Parameters: text, and values {label:
PromQL expression}, whose results (at most ten series each) are added.
"""

from __future__ import annotations

from memmon import labels as label_sets
from memmon.context import Context
from memmon.errors import BadQuery, Permanent
from memmon.incidents import correlation
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, ActionCall
from memmon.metrics import service as metrics

MOST = 10
THOUSAND = 1000
"""From here on a number is written whole: nobody reads 1.049e+09 bytes."""


def act(ctx: Context, call: ActionCall) -> str:
    """Return the line; the record of the action is the entry."""
    texts = [correlation.fill(str(call.parameters["text"]), call.labels)] if call.parameters.get("text") else []
    values = call.parameters.get("values", {})
    texts += [f"{words}: {_value(ctx, str(expr), call)}" for words, expr in values.items()]
    if not texts:
        raise Permanent("neither text nor values is given")
    return "; ".join(texts)


def _value(ctx: Context, expr: str, call: ActionCall) -> str:
    try:
        points = metrics.instant(ctx, correlation.fill_query(expr, call.labels))
    except BadQuery as error:
        return f"could not be asked: {error}"
    if not points:
        return "nothing"
    series_texts = [_series(dict(point.labels), point.value) for point in points[:MOST]]
    return ", ".join(series_texts) + (f" and {len(points) - MOST} more" if len(points) > MOST else "")


def _series(labels: dict[str, str], value: float) -> str:
    left = {name: text for name, text in labels.items() if name not in ("__name__", "job", "instance")}
    value_text = f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.4g}"
    return value_text + (f" {label_sets.show(label_sets.of(left))}" if left else "")


ACTION = Action(act, takes={"text": base.TEXT, "values": base.TEXTS})
