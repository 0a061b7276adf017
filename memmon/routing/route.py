"""Pure: the tree of routes, as Alertmanager walks it. Source: its `dispatch/route.go`."""

from __future__ import annotations

from typing import NamedTuple

from memmon import labels as label_sets
from memmon.config.routes import EmailConfig, Receiver, Route, Routes, WebhookConfig
from memmon.labels import Labels
from memmon.promql.matcher import Matcher, all_accept
from memmon.routing.matcher import of_route
from memmon.settings import Settings

ENVIRONMENT = "environment"
"""The receiver that MEMMIMIC_ALERT_EMAIL and MEMMIMIC_ALERT_WEBHOOK make."""

ALL_LABELS = "..."


class Node(NamedTuple):
    """One route with all that it inherits. `path` names it; times are seconds."""

    path: str
    receiver: str
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    group_wait: float
    group_interval: float
    repeat_interval: float
    goes_on: bool
    children: tuple[Node, ...]


def tree(routes: Routes, settings: Settings) -> Node:
    """Return the routes with what they inherit; the environment's receiver is a first one that goes on."""
    top = routes.route
    if environment(settings):
        first = Route.model_validate({"receiver": ENVIRONMENT, "continue": True})
        top = top.model_copy(update={"routes": (first, *top.routes)})
    return _node(top, None, "0")


def _node(route: Route, parent: Node | None, path: str) -> Node:
    def inherit(name: str, default: float) -> float:
        given = getattr(route, name)
        if given is not None:
            return float(given)
        return float(getattr(parent, name)) if parent else default

    group_by = route.group_by if route.group_by is not None else (parent.group_by if parent else ())
    node = Node(
        path=path,
        receiver=route.receiver or (parent.receiver if parent else ""),
        matchers=of_route(route),
        group_by=group_by,
        group_wait=inherit("group_wait", 30),
        group_interval=inherit("group_interval", 300),
        repeat_interval=inherit("repeat_interval", 4 * 3600),
        goes_on=route.continue_,
        children=(),
    )
    children = tuple(_node(child, node, f"{path}.{index}") for index, child in enumerate(route.routes))
    return node._replace(children=children)


def match(node: Node, labels: Labels) -> list[Node]:
    """Return the routes that an alert with `labels` takes: the deepest that fit, the first one unless it goes on."""
    if not all_accept(node.matchers, labels):
        return []
    found: list[Node] = []
    for child in node.children:
        deeper = match(child, labels)
        found += deeper
        if deeper and not child.goes_on:
            break
    only_extra = all(one.receiver == ENVIRONMENT for one in found)
    return found if found and not only_extra else [*found, node]


def group_labels(node: Node, labels: Labels) -> Labels:
    """Return the labels that alerts of one group have in common."""
    return labels if ALL_LABELS in node.group_by else label_sets.only(labels, node.group_by)


def group_key(node: Node, labels: Labels) -> str:
    """Return the name of the group."""
    return f"{node.path}/{node.receiver}:{label_sets.show(group_labels(node, labels))}"[:512]


def environment(settings: Settings) -> Receiver | None:
    """Return the receiver of the environment, or None where it names neither address nor webhook."""
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
    own = environment(settings)
    return {receiver.name: receiver for receiver in (*routes.receivers, *((own,) if own else ()))}
