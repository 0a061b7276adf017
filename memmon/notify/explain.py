"""Decision trace of an alert: its rule, its routes, each decision, and each delivery attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import NotFound
from memmon.notify import store
from memmon.notify.tables import NotificationRow
from memmon.routing import dispatcher, route, trace
from memmon.routing.inputs import FlushInputs
from memmon.routing.tables import DecisionRow

AFTER = 86400.0
"""Seconds after an alert's end within which something may still be decided about it."""
MOST_DECISIONS = 200


def explain(ctx: Context, alert_id: int) -> dict[str, Any]:
    """Return the decision trace of an alert: {alert, rule, routes, groups, held, verdict}.
    `verdict` says it in sentences.
    """
    alert_rows = alerts.by_ids(ctx, [alert_id])
    if not alert_rows:
        raise NotFound(f"no alert {alert_id}")
    alert = alert_rows[0]
    labels = label_sets.of(alert["labels"])
    view = FlushInputs(ctx, ctx.now())
    nodes = route.match(view.top, dispatcher.routed(labels, alert["flaps"]))
    is_firing = alert["state"] == "firing"
    suppressions = view.suppressions_of(labels) if is_firing else []
    groups = _groups(ctx, alert_id, alert)
    explanation = {
        "alert": alert,
        "rule": alerts.rule_of(ctx, alert_id),
        "routes": [
            {
                "receiver": node.receiver,
                "route": node.key,
                "group_key": route.group_key(node, labels),
                "group_wait": node.group_wait,
                "group_interval": node.group_interval,
                "repeat_interval": node.repeat_interval,
                "muted_by": [suppression.text for suppression in view.route_held(node)],
            }
            for node in nodes
        ],
        "held": [_held(suppression.to_json()) for suppression in suppressions],
        "groups": groups,
    }
    return {**explanation, "verdict": _verdict(explanation)}


def _groups(ctx: Context, alert_id: int, alert: dict[str, Any]) -> list[dict[str, Any]]:
    since = encode.seconds_of(alert["created_at"])
    until = encode.seconds_of(alert["resolved_at"]) + AFTER if alert["resolved_at"] else ctx.now()
    with ctx.read() as session:
        groups = []
        for place in trace.placements(session, alert_id):
            rows = trace.decisions(session, place.group_key, since, until, MOST_DECISIONS)
            messages = [
                row
                for row in store.of_group(session, place.group_key, since)
                if alert_id in (row.log_entry or {}).get("firing", ())
                or alert_id in (row.log_entry or {}).get("resolved", ())
            ]
            tried = store.attempts(session, [row.id for row in messages])
            groups.append(
                {
                    "receiver": place.receiver,
                    "route": place.route,
                    "group": place.group_key,
                    "placed_at": encode.iso(place.at),
                    "left_at": encode.iso(place.left_at),
                    "next_look_at": encode.iso(trace.due_at(session, place.group_key)),
                    "decisions": _decisions(rows, alert_id),
                    "messages": [_message(row, tried.get(row.id, [])) for row in messages],
                }
            )
    return groups


def _decisions(rows: Sequence[DecisionRow], alert_id: int) -> list[dict[str, Any]]:
    """Return the decisions that concerned the alert."""
    decisions = []
    for row in rows:
        suppressions = [_held(suppression) for suppression in row.muted.get(str(alert_id), [])]
        state = (
            "firing"
            if alert_id in row.firing
            else "resolved"
            if alert_id in row.resolved
            else "held"
            if suppressions
            else None
        )
        if state:
            times = {"at": encode.iso(row.at), "until": encode.iso(row.until), "count": row.count}
            decisions.append({**times, "state": state, "held": suppressions, "channels": row.channels})
    return decisions


def _held(suppression: dict[str, Any]) -> dict[str, Any]:
    return {**suppression, "until": encode.iso(suppression.get("until"))}


def _message(row: NotificationRow, tried: Sequence[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "channel": row.channel,
        "reason": (row.log_entry or {}).get("reason"),
        "state": row.state,
        "created_at": encode.iso(row.created_at),
        "sent_at": encode.iso(row.sent_at),
        "next_attempt_at": encode.iso(row.due_at),
        "error": row.error,
        "attempts": store.attempts_json(tried),
    }


def _verdict(explanation: dict[str, Any]) -> list[str]:
    """Return sentences that name the notified receivers, and for the others the reasons."""
    alert = explanation["alert"]
    if alert["state"] == "pending":
        return ["It is pending: its condition has not held for the time that its rule requires."]
    sentences = [_of_group(group, alert) for group in explanation["groups"]]
    if not sentences:
        sentences = [
            "It is in no group yet: the next tick places it."
            if alert["state"] == "firing"
            else "It ended before it was placed in a group."
        ]
    return sentences + [
        f"Now: {suppression['text']}" + (f", until {suppression['until']}" if suppression["until"] else "") + "."
        for suppression in explanation["held"]
    ]


def _of_group(group: dict[str, Any], alert: dict[str, Any]) -> str:
    receiver = group["receiver"]
    sent = [message for message in group["messages"] if message["state"] == "sent"]
    if sent:
        deliveries = ", then ".join(
            f"at {message['sent_at']} by {message['channel']} ({message['reason']})" for message in sent
        )
        return f"{receiver} was notified {deliveries}."
    open_ = next((message for message in group["messages"] if message["state"] in ("waiting", "sending")), None)
    if open_:
        why = f": {open_['error']}" if open_["error"] else ""
        return f"{receiver} is being notified by {open_['channel']}; {len(open_['attempts'])} attempts so far{why}."
    failed = next((message for message in group["messages"] if message["state"] == "failed"), None)
    if failed:
        return f"{receiver} could not be notified by {failed['channel']}: {failed['error']}."
    last = group["decisions"][-1] if group["decisions"] else None
    if (
        last and alert["state"] == "resolved"
    ):  # What kept it back while it fired is the reason, not that it is over by now.
        last = next((decision for decision in reversed(group["decisions"]) if decision["held"]), last)
    if last is None:
        after = (
            "ended before its group was flushed"
            if alert["state"] == "resolved"
            else f"waits until {group['next_look_at']} for others of its group"
        )
        return f"{receiver} was not notified: the alert {after}."
    if last["held"]:
        return f"{receiver} was not notified: {'; '.join(suppression['text'] for suppression in last['held'])}."
    reasons = ", ".join(f"{channel}: {reason}" for channel, reason in last["channels"].items()) or "it has no channel"
    return f"{receiver} was not notified: {reasons}."
