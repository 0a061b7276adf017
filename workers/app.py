"""The Celery application."""

from celery import Celery

from workers import broker, signals

broker.patch_kombu()
app = Celery("memmon")
app.config_from_object("celeryconfig")
app.conf.imports = (
    "workers.collect",
    "workers.health",
    "workers.alerts",
    "workers.notify",
    "workers.security",
    "workers.incidents",
    "workers.upkeep",
    "workers.remote",
)
signals.register_signals(app)
