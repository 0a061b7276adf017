"""Checks the whole configuration as every room understands it."""

from __future__ import annotations

from memmon import config as configuration
from memmon.alerts import rule
from memmon.config import Config
from memmon.incidents import service as incidents
from memmon.routing import route
from memmon.settings import Settings


def config(settings: Settings) -> Config:
    """Return the configuration in the files; raise BadConfig with file, line and key of the first thing wrong."""
    found = configuration.load(settings)
    rule.alerting(found.rules)
    route.check(found.routes)
    incidents.check(found)
    return found
