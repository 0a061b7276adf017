"""The API, one noun a module; each has a `blueprint`."""

from __future__ import annotations

from web.api import (
    alertmanager,
    alerts,
    health,
    incidents,
    maintenance,
    metrics,
    notifications,
    oncall,
    performance,
    playbooks,
    prometheus,
    push,
    rules,
    security,
    silences,
    status,
    tasks,
)

BLUEPRINTS = (
    status.blueprint,
    metrics.blueprint,
    health.blueprint,
    performance.blueprint,
    alerts.blueprint,
    silences.blueprint,
    rules.blueprint,
    maintenance.blueprint,
    security.blueprint,
    incidents.blueprint,
    playbooks.blueprint,
    oncall.blueprint,
    notifications.blueprint,
    tasks.blueprint,
    prometheus.blueprint,
    alertmanager.blueprint,
    *push.BLUEPRINTS,
)
