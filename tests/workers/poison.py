"""A task whose process dies each time, for `celery worker --include`."""

import os
import signal

from workers.app import app
from workers.base import MemmonTask


@app.task(base=MemmonTask, name="workers.upkeep.poison")
def poison(ctx):
    os.kill(os.getpid(), signal.SIGKILL)
