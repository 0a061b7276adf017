"""`python -m memmon.demo`: the demo memory service, as its environment tells."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import sys

from setproctitle import setproctitle

from memmon.demo import environment
from memmon.demo.server import Demo
from memmon.errors import BadConfig


def main() -> int:
    """Run until SIGTERM or SIGINT; return 2 for a wrong setting, 1 when it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s demo: %(message)s")
    try:
        environ = environment.load(os.environ)
        demo = Demo(environ)
    except BadConfig as error:
        sys.stderr.write(f"demo: {error}\n")
        return 2
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"demo: cannot start: {error}\n")
        return 1
    setproctitle(f"demo-memory-service {environ.host}:{environ.port}")
    signal.signal(signal.SIGTERM, demo.stop)
    signal.signal(signal.SIGINT, demo.stop)
    demo.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
