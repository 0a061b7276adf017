"""Why somebody was told of an alert, or was not: what its rule said, where it was routed, what was decided, and each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.db.tables import DecisionRow, NotificationRow
from memmon.errors import NotFound
from memmon.notify import store
from memmon.routing import dispatcher, route, trace
from memmon.routing.inputs import View

AFTER = 86400.0
"""Seconds after an alert's end within which something may still be decided about it."""
MOST_DECISIONS = 200


def explain(ctx: Context, number: int) -> dict[str, Any]:
    """Return the decision trace of an alert: {alert, rule, routes, groups, held, verdict}. `verdict` says it in sentences."""
    found = alerts.by_ids(ctx, [number])
    if not found:
        raise NotFound(f"no alert {number}")
    alert = found[0]
    labels = label_sets.of(alert["labels"])
    view = View(ctx, ctx.now())
    nodes = route.match(view.top, dispatcher.routed(labels, alert["flaps"]))
    is_firing = alert["state"] == "firing"
    held = view.held(labels) if is_firing else []
    groups = _groups(ctx, number, alert)
    shown = {
        "alert": alert,
        "rule": alerts.rule_of(ctx, number),
        "routes": [
            {
                "receiver": node.receiver,
                "route": node.key,
                "group_key": route.group_key(node, labels),
                "group_wait": node.group_wait,
                "group_interval": node.group_interval,
                "repeat_interval": node.repeat_interval,
                "muted_by": [one.text for one in view.route_held(node)],
            }
            for node in nodes
        ],
        "held": [_held(one.to_json()) for one in held],
        "groups": groups,
    }
    return {**shown, "verdict": _verdict(shown)}


def _groups(ctx: Context, number: int, alert: dict[str, Any]) -> list[dict[str, Any]]:
    since = encode.seconds_of(alert["created_at"])
    until = encode.seconds_of(alert["resolved_at"]) + AFTER if alert["resolved_at"] else ctx.now()
    with ctx.read() as session:
        found = []
        for place in trace.placements(session, number):
            rows = trace.decisions(session, place.group_key, since, until, MOST_DECISIONS)
            messages = [
                row
                for row in store.of_group(session, place.group_key, since)
                if number in (row.told or {}).get("firing", ()) or number in (row.told or {}).get("resolved", ())
            ]
            tried = store.attempts(session, [row.id for row in messages])
            found.append(
                {
                    "receiver": place.receiver,
                    "route": place.route,
                    "group": place.group_key,
                    "placed_at": encode.iso(place.at),
                    "left_at": encode.iso(place.left_at),
                    "next_look_at": encode.iso(trace.due_at(session, place.group_key)),
                    "decisions": _decisions(rows, number),
                    "messages": [_message(row, tried.get(row.id, [])) for row in messages],
                }
            )
    return found


def _decisions(rows: Sequence[DecisionRow], number: int) -> list[dict[str, Any]]:
    """Return what was decided while the alert was in question."""
    found = []
    for row in rows:
        held = [_held(one) for one in row.muted.get(str(number), [])]
        state = "firing" if number in row.firing else "resolved" if number in row.resolved else "held" if held else None
        if state:
            times = {"at": encode.iso(row.at), "until": encode.iso(row.until), "count": row.count}
            found.append({**times, "state": state, "held": held, "channels": row.channels})
    return found


def _held(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "until": encode.iso(one.get("until"))}


def _message(row: NotificationRow, tried: Sequence[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "channel": row.channel,
        "reason": (row.told or {}).get("reason"),
        "state": row.state,
        "created_at": encode.iso(row.created_at),
        "sent_at": encode.iso(row.sent_at),
        "next_attempt_at": encode.iso(row.due_at),
        "error": row.error,
        "attempts": store.shown(tried),
    }


def _verdict(shown: dict[str, Any]) -> list[str]:
    """Return in sentences who was told, and who was not and why."""
    alert = shown["alert"]
    if alert["state"] == "pending":
        return ["It is pending: it has not held for as long as its rule wants, and nobody is told before."]
    found = [_of_group(group, alert) for group in shown["groups"]]
    if not found:
        found = [
            "It is in no group yet: the next tick places it."
            if alert["state"] == "firing"
            else "It ended before it was placed in a group."
        ]
    return found + [
        f"Now: {one['text']}" + (f", until {one['until']}" if one["until"] else "") + "." for one in shown["held"]
    ]


def _of_group(group: dict[str, Any], alert: dict[str, Any]) -> str:
    who = group["receiver"]
    sent = [one for one in group["messages"] if one["state"] == "sent"]
    if sent:
        told = ", then ".join(f"at {one['sent_at']} by {one['channel']} ({one['reason']})" for one in sent)
        return f"{who} was told {told}."
    open_ = next((one for one in group["messages"] if one["state"] in ("waiting", "sending")), None)
    if open_:
        why = f": {open_['error']}" if open_["error"] else ""
        return f"{who} is being told by {open_['channel']}; {len(open_['attempts'])} attempts so far{why}."
    failed = next((one for one in group["messages"] if one["state"] == "failed"), None)
    if failed:
        return f"{who} could not be told by {failed['channel']}: {failed['error']}."
    last = group["decisions"][-1] if group["decisions"] else None
    if (
        last and alert["state"] == "resolved"
    ):  # What kept it back while it fired is the reason, not that it is over by now.
        last = next((one for one in reversed(group["decisions"]) if one["held"]), last)
    if last is None:
        after = (
            "ended before its group was looked at"
            if alert["state"] == "resolved"
            else f"waits until {group['next_look_at']} for others of its group"
        )
        return f"{who} was not told: the alert {after}."
    if last["held"]:
        return f"{who} was not told: {'; '.join(one['text'] for one in last['held'])}."
    reasons = ", ".join(f"{channel}: {reason}" for channel, reason in last["channels"].items()) or "it has no channel"
    return f"{who} was not told: {reasons}."
