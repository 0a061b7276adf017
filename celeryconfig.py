"""Celery's configuration, for `celery -A memmon`: data only. The values come from memmon's
settings.
"""

from memmon.jobs import QUEUES
from memmon.settings import load
from memmon.state import client

_settings = load()

# Nothing may run or wait as long as this: Redis would deliver it again.
VISIBILITY_TIMEOUT = 180

broker_url = _settings.broker_address
broker_transport_options = {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": not broker_url.startswith("redis+socket"),
    "health_check_interval": 5,
    "global_keyprefix": "memmon:celery:",
}
broker_connection_retry_on_startup = True
broker_connection_max_retries = None

task_serializer = "json"
accept_content = ["json"]
task_ignore_result = True
task_acks_late = True
task_reject_on_worker_lost = True
task_soft_time_limit = 50
task_time_limit = 60
task_track_started = False
task_create_missing_queues = False
task_default_queue = "upkeep"
task_queues = {name: {"exchange": name, "routing_key": name} for name in QUEUES}
task_routes = {f"workers.{name}.*": {"queue": name} for name in QUEUES}
worker_prefetch_multiplier = 1
worker_cancel_long_running_tasks_on_connection_loss = False
worker_hijack_root_logger = False
worker_max_memory_per_child = 400_000
timezone = "UTC"

redbeat_redis_url = _settings.redis_address
redbeat_key_prefix = "memmon:beat:"
redbeat_redis_options = client.SOCKET_OPTIONS
redbeat_lock_timeout = 6  # Another beat takes over within it; it is renewed every second.
beat_scheduler = "redbeat.RedBeatScheduler"
beat_max_loop_interval = 1


def _tick(task: str, every: float) -> dict[str, object]:
    """A tick that nobody needs any more once the next one is due. Never less than ten seconds:
    beat's clock sets the time and a worker's clock reads it, and where they differ by more no tick
    would ever run.
    """
    return {"task": f"workers.{task}", "schedule": every, "options": {"expires": max(10.0, every * 0.9)}}


beat_schedule = {
    "collect": _tick("collect.tick", min(_settings.intervals.values())),
    "push": _tick("collect.replay", min(60.0, _settings.metrics_collection_interval)),
    "health": _tick("health.tick", _settings.health_check_interval),
    "alerts": _tick("alerts.evaluate", _settings.alert_evaluation_interval),
    "notify": _tick("notify.tick", 1.0),
    "security": _tick("security.tick", 5.0),
    "incidents": _tick("incidents.tick", 1.0),
    "audit": _tick("upkeep.audit", 60.0),
    "rollup": _tick("upkeep.rollup", 60.0),
    "prune": _tick("upkeep.prune", 3600.0),
}
