"""The SDK that lives in MemMimic's own process: counts, times, enforces, reports. It imports nothing else of memmon.

Whatever fails in here costs the host nothing: a metric that cannot be counted, an event that cannot be sent and a memmon that
is away are counted and logged, and the host's call goes on.
"""

from memmon.client.middleware import Middleware
from memmon.client.parts import control
from memmon.client.registry import page
from memmon.client.server import Exposed, expose
from memmon.client.watch import query_timer, watch_cache, watch_pool
from memmon.client.wrap import instrument

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
