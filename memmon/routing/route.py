"""Pure: the tree of routes, as Alertmanager walks it. Source: its `dispatch/route.go`."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from memmon import labels as label_sets
from memmon.config.receivers import EmailConfig, Receiver, WebhookConfig
from memmon.config.routes import ENVIRONMENT, Route, Routes
from memmon.config.routes import walk as below
from memmon.errors import BadConfig, BadInput
from memmon.labels import Labels
from memmon.promql.matcher import Matcher, all_accept
from memmon.routing.matcher import of_route
from memmon.settings import Settings

ALL_LABELS = "..."


class RouteNode(NamedTuple):
    """One route with all that it inherits; times are seconds. `key` is its matchers after those of
    its parents, and stays the same when routes are put in another order; `id` has its place as
    well. `mute` and `active` name time intervals.
    """

    key: str
    id: str
    receiver: str
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    group_wait: float
    group_interval: float
    repeat_interval: float
    mute: tuple[str, ...]
    active: tuple[str, ...]
    labels: Labels
    goes_on: bool
    children: tuple[RouteNode, ...]


_built: tuple[Routes, Settings, RouteNode] | None = None


def tree(routes: Routes, settings: Settings) -> RouteNode:
    """Return the route tree with inherited settings; the environment's receiver is a first route
    with `continue`. The tree is cached per configuration.
    """
    global _built
    cached = _built
    if cached is None or cached[0] is not routes or cached[1] is not settings:
        cached = _built = (routes, settings, _tree(routes, settings))
    return cached[2]


def _tree(routes: Routes, settings: Settings) -> RouteNode:
    top = routes.route
    if environment(settings):
        urgent = {"receiver": ENVIRONMENT, "matchers": ('severity="critical"',), "group_wait": 0.0}
        first = Route.model_validate({"receiver": ENVIRONMENT, "continue": True, "routes": (urgent,)})
        top = top.model_copy(update={"routes": (first, *top.routes)})
    return _node(top, None, 0)


def mark(top: RouteNode) -> str:
    """Return a digest of a route tree, equal for trees that route every alert the same way."""
    return hashlib.sha256(repr(top).encode(errors="replace")).hexdigest()[:16]


def check(routes: Routes, settings: Settings) -> None:
    """Raise BadConfig for an invalid matcher, and for e-mail without a server."""
    matcher_routes = [side for rule in routes.inhibit_rules for side in (rule.source, rule.target)]
    for route in (*below(routes.route), *matcher_routes):
        for value, single in _one_by_one(route):
            try:
                of_route(single)
            except BadInput as error:
                raise BadConfig(str(error), "routes", value) from None
    if not routes.global_.smtp_smarthost and "smtp_server" not in settings.model_fields_set:
        for receiver in routes.receivers:
            for mail in receiver.email_configs:
                if not mail.smarthost:
                    raise BadConfig("e-mail needs smarthost, smtp_smarthost or MEMMIMIC_SMTP_SERVER", "routes", mail.to)


def _one_by_one(route: Route) -> list[tuple[str, Route]]:
    """Return each matcher of `route` as the file has it, with a route that has only this one."""
    singles = [(text, Route(matchers=(text,))) for text in route.matchers]
    singles += [(value, Route(match={name: value})) for name, value in route.match.items()]
    return singles + [(value, Route(match_re={name: value})) for name, value in route.match_re.items()]


def walk(node: RouteNode) -> list[RouteNode]:
    """Return a route and all below it, depth first."""
    return [node, *(deeper for child in node.children for deeper in walk(child))]


def _node(route: Route, parent: RouteNode | None, place: int) -> RouteNode:
    def inherit(name: str, default: float) -> float:
        value = getattr(route, name)
        if value is not None:
            return float(value)
        return float(getattr(parent, name)) if parent else default

    matchers = of_route(route)
    matchers_text = "{" + ",".join(map(str, matchers)) + "}"
    group_by = route.group_by or (parent.group_by if parent else ())
    node = RouteNode(
        key=f"{parent.key}/{matchers_text}" if parent else matchers_text,
        id=f"{parent.id}/{matchers_text}/{place}" if parent else matchers_text,
        receiver=route.receiver or (parent.receiver if parent else ""),
        matchers=matchers,
        group_by=group_by,
        group_wait=inherit("group_wait", 30),
        group_interval=inherit("group_interval", 300),
        repeat_interval=inherit("repeat_interval", 4 * 3600),
        mute=route.mute_time_intervals,
        active=route.active_time_intervals,
        labels=label_sets.merge(parent.labels if parent else label_sets.EMPTY, route.labels),
        goes_on=route.continue_,
        children=(),
    )
    children = tuple(_node(child, node, index) for index, child in enumerate(route.routes))
    return node._replace(children=children)


def match(node: RouteNode, labels: Labels) -> list[RouteNode]:
    """Return the routes of an alert with `labels`: the deepest matches, the first one unless it has
    `continue`.
    """
    if not all_accept(node.matchers, labels):
        return []
    matched_nodes: list[RouteNode] = []
    for child in node.children:
        deeper = match(child, labels)
        matched_nodes += deeper
        if deeper and not child.goes_on:
            break
    if node.receiver != ENVIRONMENT and all(node_.receiver == ENVIRONMENT for node_ in matched_nodes):
        # The environment's route is an extra: it keeps nobody else from hearing.
        return [*matched_nodes, node]
    return matched_nodes or [node]


def group_labels(node: RouteNode, labels: Labels) -> Labels:
    """Return the labels that alerts of one group have in common."""
    return labels if ALL_LABELS in node.group_by else label_sets.only(labels, node.group_by)


def group_key(node: RouteNode, labels: Labels) -> str:
    """Return the name of the group that an alert with `labels` joins, as Alertmanager writes it."""
    inside = ", ".join(f'{name}="{label_sets.escape(value)}"' for name, value in group_labels(node, labels))
    return f"{node.key}:{{{inside}}}"


def short(text: str, limit: int) -> str:
    """Return `text` as a column of `limit` characters can hold it; no two texts become the same."""
    if len(text) <= limit and text.isprintable():
        return text
    clean = "".join(c if c.isprintable() else "?" for c in text[: limit - 33])
    return f"{clean}~{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:32]}"


def environment(settings: Settings) -> Receiver | None:
    """Return the receiver of the environment, or None where it names neither address nor
    webhook.
    """
    mails = {address for address in (settings.alert_email, settings.email_to) if address}
    hooks = {url for url in (settings.alert_webhook, settings.webhook_url) if url}
    if not mails and not hooks:
        return None
    return Receiver(
        name=ENVIRONMENT,
        email_configs=tuple(EmailConfig(to=address, send_resolved=True) for address in sorted(mails)),
        webhook_configs=tuple(WebhookConfig(url=url) for url in sorted(hooks)),
    )


def receivers(routes: Routes, settings: Settings) -> dict[str, Receiver]:
    """Return every receiver by its name."""
    environment_receiver = environment(settings)
    return {
        receiver.name: receiver
        for receiver in (*routes.receivers, *((environment_receiver,) if environment_receiver else ()))
    }


CHANNELS = ("email", "webhook", "slack", "pagerduty", "msteamsv2", "apprise", "log")
"""The kinds of channels; those of a receiver stand in its `KIND_configs`."""


def channels(receiver: Receiver) -> list[tuple[str, Any]]:
    """Return name and configuration of each of the receiver's channels."""
    lists = {kind: getattr(receiver, f"{kind}_configs") for kind in CHANNELS}
    return [(f"{kind}[{n}]", config) for kind, configs in lists.items() for n, config in enumerate(configs)]
