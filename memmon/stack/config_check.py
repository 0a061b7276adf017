"""Checks the whole configuration as every room understands it."""

from __future__ import annotations

from memmon import config as configuration
from memmon.alerts import rule
from memmon.config import Config
from memmon.errors import BadConfig
from memmon.incidents import service as incidents
from memmon.notify import templates
from memmon.routing import route
from memmon.settings import Settings


def config(settings: Settings) -> Config:
    """Return the configuration in the files; raise BadConfig with file, line and key of the first
    thing wrong.
    """
    config_ = configuration.load(settings)
    try:
        rule.alerting(config_.rules)
        route.check(config_.routes, settings)
        templates.check(config_.routes)
        incidents.check(config_)
    except BadConfig as error:
        where = configuration.place(settings, error.section, error.value) or f"{error.section}.yml"
        raise BadConfig(f"{where}: {error}") from None
    return config_
