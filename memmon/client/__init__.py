"""The SDK that lives in MemMimic's own process: counts, times, enforces, reports. It imports
nothing else of memmon.

Failures in the client never reach the host. Metrics that cannot be counted, events that cannot be
sent and an unreachable memmon are counted and logged.
"""

from memmon.client.components import control
from memmon.client.instrumentation import instrument
from memmon.client.middleware import Middleware
from memmon.client.observers import query_timer, watch_cache, watch_pool
from memmon.client.registry import page
from memmon.client.server import Exposed, expose

__all__ = [
    "Exposed",
    "Middleware",
    "control",
    "expose",
    "instrument",
    "page",
    "query_timer",
    "watch_cache",
    "watch_pool",
]
